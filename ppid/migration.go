package ppid

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"

	"github.com/go-fapi/fapi/internal/fault"
)

// Legacy computes identifiers as many other servers do: SHA-256 over sector,
// account and salt in a row, the first example of OpenID Connect Core section 8.1.
// It serves to import or to migrate, never to make identifiers for new users:
// without lengths, sector "bank.example.co" with account "m-1001" and sector
// "bank.example.com" with account "-1001" are one.
type Legacy struct {
	// Sector is whatever the other server used: a host, a host with its port, or a
	// whole sector_identifier_uri.
	Sector string // required

	Salt []byte // required
	Hex  bool   // lower-case hex instead of base64url
}

// Subject returns the old identifier of the account.
func (l Legacy) Subject(account string) (string, error) {
	if l.Sector == "" || len(l.Salt) == 0 || account == "" || len(account) > maxAccount {
		return "", errors.New("ppid: Legacy needs Sector and Salt, and an account of 1 to 1024 octets")
	}
	sum := sha256.Sum256(append([]byte(l.Sector+account), l.Salt...))
	if l.Hex {
		return hex.EncodeToString(sum[:]), nil
	}
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

// Migration tells one client which of its users has which new identifier, when
// its sector changes or when it moves from public to pairwise identifiers. A client
// that is not told sees strangers, and may join them to its accounts by e-mail
// address, which is how accounts are taken over.
//
// Never let a registration update change a sector by itself: ask an administrator,
// who either keeps the old sector in the client record or starts a migration. Offer
// it once, log it, and end it.
type Migration struct {
	ClientID string // required: whose identifiers change

	// From and To give the old and the new identifier of an account, for instance
	// by [Deriver.Derive] with the old and the new sector, by [Legacy.Subject], or,
	// for public identifiers, the account as it was told.
	From, To func(ctx context.Context, account string) (string, error) // required
}

// Pair returns both identifiers of an account to the client that is authenticated
// as clientID. Ask only for accounts that have used this client: the pair would
// reveal others. The error is an [*Error] with [ErrClient] for another client, and
// else a fault of the server.
func (m Migration) Pair(ctx context.Context, clientID, account string) (from, to string, err error) {
	if m.ClientID == "" || m.From == nil || m.To == nil {
		return "", "", errors.New("ppid: Migration needs ClientID, From and To")
	}
	if clientID != m.ClientID {
		return "", "", &Error{rule: ErrClient}
	}
	from, err = m.From(ctx, account)
	if err != nil {
		return "", "", fault.Of("ppid: old subject", err)
	}
	to, err = m.To(ctx, account)
	if err != nil {
		return "", "", fault.Of("ppid: new subject", err)
	}
	if !isSubject(from) || !isSubject(to) {
		return "", "", errors.New("ppid: From or To gave something that is not a subject")
	}
	return from, to, nil
}
