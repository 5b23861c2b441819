package ppidtest

import (
	"context"
	"testing"
)

// Store is what is tested.
type Store interface {
	InsertIfAbsent(ctx context.Context, issuer, sector, account, candidate string) (subject string, err error)
	Account(ctx context.Context, issuer, sector, subject string) (account string, found bool, err error)
	Erase(ctx context.Context, issuer, account string) error
}

// Run checks a store. newStore is called once for every rule.
func Run(t *testing.T, newStore func(t *testing.T) Store) {
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			if err := r.check(t.Context(), newStore(t)); err != nil {
				t.Fatal(err)
			}
		})
	}
}
