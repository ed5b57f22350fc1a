"""Who the token is, its organizations and projects."""

import httpx

from ci_mcp.sandbox.circleci import world


def test_organizations_are_a_bare_array(client: httpx.Client) -> None:
    """In snake_case; one's own has no id."""
    found = client.get("/api/v2/me/collaborations").json()
    assert ["gh/acme", "circleci/43G3kM5RtfFE7v5sa4nWAU", "gh/ada"] == [one["slug"] for one in found]
    assert found[2]["id"] is None


def test_a_project_by_any_of_its_names(client: httpx.Client) -> None:
    """A native one by its UUIDs too; a classic one not."""
    classic = f"circleci/{world.ORGANIZATION}/{world.SHOP_PROJECT}"
    assert world.BILLING == client.get(f"/api/v2/project/{world.BILLING_UUIDS}").json()["slug"]
    assert 404 == client.get(f"/api/v2/project/{classic}").status_code
    assert {"message": "Project not found"} == client.get("/api/v2/project/gh/acme/vault").json()


def test_followed_projects_of_either_list(client: httpx.Client) -> None:
    """The older list has no slugs and leaves out what is native; the private one has both."""
    older = client.get("/api/v1.1/projects").json()
    private = client.get("/api/private/me/followed-projects").json()
    assert ["shop", "storefront", "warehouse"] == [one["reponame"] for one in older]
    assert all("slug" not in one for one in older)
    assert {world.SHOP, "gh/acme/storefront", world.BILLING, "bb/acme/warehouse"} == {
        one["slug"] for one in private["items"]
    }


def test_everybody_is_the_same_person(client: httpx.Client) -> None:
    """By each version."""
    assert ("ada", world.ME) == ((me := client.get("/api/v2/me").json())["login"], me["id"])
    assert "ada" == client.get("/api/v1.1/me").json()["login"]
