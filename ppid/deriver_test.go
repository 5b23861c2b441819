package ppid

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNewDeriver(t *testing.T) {
	t.Parallel()
	good := Config{Issuer: testIssuer, Epochs: []Epoch{{ID: "1", Key: testKey(32, 1)}}}
	_, err := NewDeriver(good)
	require.NoError(t, err)
	for name, change := range map[string]func(*Config){
		"no issuer":              func(c *Config) { c.Issuer = "" },
		"http issuer":            func(c *Config) { c.Issuer = "http://as.example.com" },
		"issuer with query":      func(c *Config) { c.Issuer += "?a" },
		"issuer with fragment":   func(c *Config) { c.Issuer += "#a" },
		"issuer with user":       func(c *Config) { c.Issuer = "https://a@as.example.com" },
		"issuer without host":    func(c *Config) { c.Issuer = "https://" },
		"U13 no key at all":      func(c *Config) { c.Epochs = nil },
		"U02 nil key":            func(c *Config) { c.Epochs = []Epoch{{ID: "1"}} },
		"U02 empty key":          func(c *Config) { c.Epochs = []Epoch{{ID: "1", Key: []byte{}}} },
		"U02 8 octets":           func(c *Config) { c.Epochs = []Epoch{{ID: "1", Key: testKey(8, 1)}} },
		"U02 31 octets":          func(c *Config) { c.Epochs = []Epoch{{ID: "1", Key: testKey(31, 1)}} },
		"U02 all zero":           func(c *Config) { c.Epochs = []Epoch{{ID: "1", Key: make([]byte, 32)}} },
		"no ID":                  func(c *Config) { c.Epochs = []Epoch{{Key: testKey(32, 1)}} },
		"reversible 32 octets":   func(c *Config) { c.Epochs = []Epoch{{ID: "1", Key: testKey(32, 1), Reversible: true}} },
		"reversible all zero":    func(c *Config) { c.Epochs = []Epoch{{ID: "1", Key: make([]byte, 64), Reversible: true}} },
		"two without EpochOf":    func(c *Config) { c.Epochs = append(c.Epochs, Epoch{ID: "2", Key: testKey(32, 2)}) },
		"too many":               func(c *Config) { c.Epochs = make([]Epoch, maxEpochs+1) },
		"two epochs with one ID": func(c *Config) { c.Epochs = append(c.Epochs, c.Epochs[0]); c.EpochOf = noEpoch },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := good
			c.Epochs = append([]Epoch(nil), good.Epochs...)
			change(&c)
			_, err := NewDeriver(c)
			requireFault(t, err)
		})
	}
}

func noEpoch(Sector) (string, error) { return "", errors.New("database is down") }

func TestDerive(t *testing.T) {
	t.Parallel()
	a, b := sectorOf(t, "a.example.com"), sectorOf(t, "ab.example.com")
	t.Run("U01 no two inputs are one message", func(t *testing.T) {
		t.Parallel()
		e, err := newEpoch(Epoch{ID: "1", Key: testKey(32, 1)}, testIssuer)
		require.NoError(t, err)
		require.NotEqual(t, e.deriveMAC("ab", "c"), e.deriveMAC("a", "bc"))
		require.NotEqual(t, e.deriveMAC("a", "b\x00c"), e.deriveMAC("a\x00b", "c"))
		require.NotEqual(t, e.deriveMAC("a", "\x00\x00\x00\x01b"), e.deriveMAC("a\x00\x00\x00\x01", "b"))
		require.Equal(t, e.deriveMAC("ab", "c"), e.deriveMAC("ab", "c"), "control")
	})
	t.Run("U10 accounts", func(t *testing.T) {
		t.Parallel()
		for _, reversible := range []bool{false, true} {
			d, longest := newDeriver(t), maxAccount
			if reversible {
				d, longest = newDeriver(t, Epoch{ID: "1", Key: testKey(64, 1), Reversible: true}), sivAccount
			}
			for _, account := range []string{"", strings.Repeat("a", 1<<20), "\xff", strings.Repeat("a", longest+1)} {
				_, err := d.Derive(a, account)
				requireFault(t, err)
				require.NotContains(t, err.Error(), "aaa")
			}
			derive(t, d, a, strings.Repeat("a", longest))
		}
	})
	t.Run("U11 short, ASCII and URL-safe", func(t *testing.T) {
		t.Parallel()
		for length, e := range map[int]Epoch{
			43:  {Key: testKey(32, 1)},
			52:  {Key: testKey(32, 1), CaseInsensitive: true},
			86:  {Key: testKey(64, 1), Reversible: true},
			103: {Key: testKey(64, 1), Reversible: true, CaseInsensitive: true},
		} {
			e.ID = "1"
			d := newDeriver(t, e)
			pattern := fmt.Sprintf(`^[A-Za-z0-9_-]{%d}$`, length)
			if e.CaseInsensitive {
				pattern = fmt.Sprintf(`^[a-z2-7]{%d}$`, length)
			}
			for _, account := range []string{"a", "user-\u00e9\u4e2d", strings.Repeat("a", 46)} {
				subject := derive(t, d, a, account)
				require.Regexp(t, pattern, subject)
				match, err := d.Match(a, account, subject)
				require.NoError(t, err)
				require.True(t, match)
			}
		}
	})
	t.Run("U12 one subject for every client and token of the sector", func(t *testing.T) {
		t.Parallel()
		d := newDeriver(t)
		idToken, userInfo := derive(t, d, a, "alice"), derive(t, d, a, "alice")
		require.Equal(t, idToken, userInfo)
		require.NotContains(t, idToken, "alice")
		require.NotEqual(t, idToken, derive(t, d, b, "alice"), "control: another sector")
	})
	t.Run("U13 replicas agree", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, derive(t, newDeriver(t), a, "alice"), derive(t, newDeriver(t), a, "alice"))
		other := newDeriver(t, Epoch{ID: "1", Key: testKey(32, 9)})
		require.NotEqual(t, derive(t, newDeriver(t), a, "alice"), derive(t, other, a, "alice"), "control")
	})
	t.Run("U14 a presented subject is compared whole", func(t *testing.T) {
		t.Parallel()
		d := newDeriver(t)
		subject := derive(t, d, a, "alice")
		for _, other := range []string{"", subject[:42], subject + "A", "A" + subject[1:], strings.ToLower(subject), strings.Repeat("a", 1<<20)} {
			match, err := d.Match(a, "alice", other)
			require.NoError(t, err)
			require.False(t, match, "%.60s", other)
		}
		for _, sector := range []Sector{a, b} {
			match, err := d.Match(sector, "alice", subject)
			require.NoError(t, err)
			require.Equal(t, sector == a, match)
		}
	})
	t.Run("issuers that share a key", func(t *testing.T) {
		t.Parallel()
		for _, e := range []Epoch{{ID: "1", Key: testKey(32, 1)}, {ID: "1", Key: testKey(64, 1), Reversible: true}} {
			other, err := NewDeriver(Config{Issuer: testIssuer + "/tenant", Epochs: []Epoch{e}})
			require.NoError(t, err)
			require.NotEqual(t, derive(t, newDeriver(t, e), a, "alice"), derive(t, other, a, "alice"))
		}
	})
	t.Run("concurrent use", func(t *testing.T) {
		t.Parallel()
		d := newDeriver(t)
		want := derive(t, d, a, "alice")
		results := make(chan string, 64)
		for range cap(results) {
			go func() { s, _ := d.Derive(a, "alice"); results <- s }()
		}
		for range cap(results) {
			require.Equal(t, want, <-results)
		}
	})
}

func TestEpochs(t *testing.T) {
	t.Parallel()
	v := readVectors(t).Rotation
	sector, fresh := sectorOf(t, v.Sector), sectorOf(t, "new.example.com")
	k1, k2 := Epoch{ID: "k1", Key: unhex(t, v.K1)}, Epoch{ID: "k2", Key: unhex(t, v.K2)}
	before := newDeriver(t, k1)
	require.Equal(t, v.Sub1, derive(t, before, sector, v.Account))
	epochOf := func(s Sector) (string, error) {
		if s == sector {
			return "k1", nil
		}
		return "k2", nil
	}
	after, err := NewDeriver(Config{Issuer: testIssuer, Epochs: []Epoch{k2, k1}, EpochOf: epochOf})
	require.NoError(t, err)

	t.Run("U09 an old sector keeps its key", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, v.Sub1, derive(t, after, sector, v.Account))
		swapped := newDeriver(t, k2)
		require.Equal(t, v.Sub2, derive(t, swapped, sector, v.Account), "control: a swapped key changes identifiers")
		require.Equal(t, derive(t, swapped, fresh, "bob"), derive(t, after, fresh, "bob"), "a new sector has the new key")
	})
	t.Run("U09 old identifiers are found under all epochs", func(t *testing.T) {
		t.Parallel()
		for _, subject := range []string{v.Sub1, v.Sub2} {
			match, err := after.Match(sector, v.Account, subject)
			require.NoError(t, err)
			require.True(t, match)
		}
		match, err := newDeriver(t, k2).Match(sector, v.Account, v.Sub1)
		require.NoError(t, err)
		require.False(t, match, "control: without the old epoch")
	})
	t.Run("U09 no epoch is guessed", func(t *testing.T) {
		t.Parallel()
		for _, epochOf := range []func(Sector) (string, error){noEpoch, func(Sector) (string, error) { return "k3", nil }} {
			d, err := NewDeriver(Config{Issuer: testIssuer, Epochs: []Epoch{k1, k2}, EpochOf: epochOf})
			require.NoError(t, err)
			_, err = d.Derive(sector, "alice")
			requireFault(t, err)
		}
	})
	t.Run("reversible and not", func(t *testing.T) {
		t.Parallel()
		siv := Epoch{ID: "siv", Key: testKey(64, 1), Reversible: true, CaseInsensitive: true}
		old := derive(t, newDeriver(t, siv), sector, "alice")
		d := newDeriver(t, k1, siv)
		account, err := d.Account(sector, old)
		require.NoError(t, err)
		require.Equal(t, "alice", account)
		match, err := d.Match(sector, strings.Repeat("a", 100), old)
		require.NoError(t, err)
		require.False(t, match)
	})
}

func TestAccount(t *testing.T) {
	t.Parallel()
	a, b := sectorOf(t, "a.example.com"), sectorOf(t, "b.example.com")
	for _, base32 := range []bool{false, true} {
		d := newDeriver(t, Epoch{ID: "1", Key: testKey(64, 1), Reversible: true, CaseInsensitive: base32})
		subject := derive(t, d, a, "alice")
		account, err := d.Account(a, subject)
		require.NoError(t, err)
		require.Equal(t, "alice", account)
		_, err = d.Account(b, subject)
		requireRefused(t, err, ErrSubject, "invalid_request")
		require.Equal(t, "ppid: not a subject identifier of this sector", err.Error())
		forged := []string{"", "alice", subject + "=", subject + "\n", subject[1:], strings.ToUpper(subject), strings.Repeat("A", 1<<20)}
		for i := range subject {
			other := byte('b')
			if subject[i] == other {
				other = 'c'
			}
			forged = append(forged, subject[:i]+string(other)+subject[i+1:])
		}
		for _, one := range forged {
			_, err := d.Account(a, one)
			requireRefused(t, err, ErrSubject, "invalid_request")
		}
		_, err = d.Account(Sector{}, subject)
		requireFault(t, err)
	}
	d := newDeriver(t)
	_, err := d.Account(a, derive(t, d, a, "alice"))
	requireRefused(t, err, ErrSubject, "invalid_request")
}

func TestMillion(t *testing.T) {
	t.Parallel()
	const sectors, accounts = 1000, 1000
	d := newDeriver(t)
	names := make([]string, accounts)
	for i := range names {
		names[i] = fmt.Sprint(i)
	}
	seen := make(map[[16]byte]struct{}, sectors*accounts) // 96 bits of each
	for i := range sectors {
		sector := Sector{fmt.Sprintf("client-%d.example.com", i)}
		for _, name := range names {
			subject, err := d.Derive(sector, name)
			if err != nil {
				t.Fatal(err)
			}
			seen[[16]byte([]byte(subject[:16]))] = struct{}{}
		}
	}
	require.Len(t, seen, sectors*accounts)
}

func TestUnconstructed(t *testing.T) {
	t.Parallel()
	ctx, sector := context.Background(), sectorOf(t, "client.example.com")
	for _, d := range []*Deriver{nil, {}} {
		_, err := d.Derive(sector, "alice")
		requireFault(t, err)
		_, err = d.Match(sector, "alice", "x")
		requireFault(t, err)
		_, err = d.Account(sector, "x")
		requireFault(t, err)
	}
	for _, s := range []*Stored{nil, {}} {
		_, err := s.Derive(ctx, sector, "alice")
		requireFault(t, err)
		_, err = s.Account(ctx, sector, "x")
		requireFault(t, err)
		requireFault(t, s.Import(ctx, sector, "alice", "x"))
		requireFault(t, s.Erase(ctx, "alice"))
	}
	for _, m := range []*Memory{nil, {}} {
		_, err := m.InsertIfAbsent(ctx, "i", "s", "a", "c")
		requireFault(t, err)
		_, _, err = m.Account(ctx, "i", "s", "c")
		requireFault(t, err)
		requireFault(t, m.Erase(ctx, "i", "a"))
	}
	for _, f := range []*Fetcher{nil, {}} {
		_, err := f.SectorOf(ctx, "", []string{"https://client.example.com/cb"})
		requireFault(t, err)
	}
	_, err := newDeriver(t).Derive(Sector{}, "alice")
	requireFault(t, err)
	_, err = newDeriver(t).Match(Sector{}, "alice", "x")
	requireFault(t, err)
	_, _, err = Migration{}.Pair(ctx, "", "alice")
	requireFault(t, err)
	for _, e := range []*Error{nil, {}} {
		require.Equal(t, "ppid: refused", e.Error())
		require.NoError(t, e.Unwrap())
		require.NotEmpty(t, e.OAuthCode())
		require.NotEmpty(t, e.LogValue())
	}
}
