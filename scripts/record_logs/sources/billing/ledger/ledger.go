// Package ledger keeps what was paid.
package ledger

import "sync"

// Ledger is a list of entries in cents.
type Ledger struct {
	mu      sync.Mutex
	entries []int
}

// Add books an entry.
func (l *Ledger) Add(cents int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, cents)
}

// Balance is the sum of all entries.
func (l *Ledger) Balance() int {
	sum := 0
	for _, cents := range l.entries {
		sum += cents
	}
	return sum
}
