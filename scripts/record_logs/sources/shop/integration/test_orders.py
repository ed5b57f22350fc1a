import pytest

from shop.orders import OrderStore


@pytest.fixture
def store():
    store = OrderStore()
    yield store
    store.close()


def test_an_order_is_kept(store):
    assert store.connection.fileno() > 0


def test_an_order_can_be_cancelled(store):
    assert store.connection.fileno() > 0
