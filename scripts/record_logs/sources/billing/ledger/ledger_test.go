package ledger

import "testing"

func TestBalanceOfNothing(t *testing.T) {
	if got := new(Ledger).Balance(); got != 0 {
		t.Errorf("Balance() = %d, want 0", got)
	}
}

func TestBalance(t *testing.T) {
	for name, entries := range map[string][]int{"payment": {1250, 750}, "refund": {1250, -250}} {
		t.Run(name, func(t *testing.T) {
			l, want := new(Ledger), 0
			for _, cents := range entries {
				l.Add(cents)
				want += cents
			}
			if got := l.Balance(); got != want {
				t.Errorf("Balance() = %d, want %d", got, want)
			}
		})
	}
}
