module gitlab.com/acme/billing/ledger

go 1.22
