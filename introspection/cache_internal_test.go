package introspection

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTable(t *testing.T) {
	t.Parallel()
	now := time.Now()
	at := func(i int) (d digest) {
		binary.BigEndian.PutUint32(d[28:], uint32(i)) // all in one set
		return d
	}
	table := newTable[int](1)
	require.Len(t, table.slots, ways)
	put := func(i, value int, life time.Duration) {
		table.put(&entry[int]{digest: at(i), value: value, until: now.Add(life)})
	}
	for i := range ways {
		put(i, i, time.Duration(i+10)*time.Second)
	}
	put(3, 33, time.Hour) // over the older one of its digest
	require.Equal(t, 33, table.get(at(3), now).value)
	put(ways, ways, time.Minute) // over the one that ends first
	require.Nil(t, table.get(at(0), now))
	require.Equal(t, ways, table.get(at(ways), now).value)
	require.Equal(t, 1, table.get(at(1), now).value)
	require.Nil(t, table.get(at(1), now.Add(11*time.Second)))
	table.remove(at(3))
	require.Nil(t, table.get(at(3), now))
	table.put(&entry[int]{digest: at(9), until: now.Add(time.Hour), expires: now.Add(time.Second)})
	require.NotNil(t, table.get(at(9), now))
	require.Nil(t, table.get(at(9), now.Add(time.Second)), "exp counts beside until")
}

func TestDigest(t *testing.T) {
	t.Parallel()
	t.Run("I08 the parts of a key cannot be shifted against each other", func(t *testing.T) {
		t.Parallel()
		mix := func(parts ...string) [32]byte { return digestOf(parts) }
		require.NotEqual(t, mix("ab", "c"), mix("a", "bc"))
		require.NotEqual(t, mix("a", ""), mix("", "a"))
		require.Equal(t, mix("a", "b"), mix("a", "b"))
	})
	t.Run("I08 every instance has a key of its own", func(t *testing.T) {
		t.Parallel()
		require.NotEqual(t, newSecret("a"), newSecret("a"))
	})
}

// A dump of what is remembered gives no token away.
func TestNoTokenIsKept(t *testing.T) {
	t.Parallel()
	const token = "Zm9vYmFyYmF6cXV4cXV1eA"
	asker, err := newAsker[string](limits{
		endpoint: "https://as.example", audience: "x", http: &http.Client{Transport: http.DefaultTransport},
	}, typeJSON)
	require.NoError(t, err)
	asker.endpoint.client.Transport = answering{}
	asker.read = func(context.Context, time.Time, string, answer) (string, time.Time, error) {
		return "value", time.Now().Add(time.Hour), nil
	}
	_, err = asker.ask(context.Background(), token)
	require.NoError(t, err)
	found := 0
	for i := range asker.yes.slots {
		if e := asker.yes.slots[i].Load(); e != nil {
			found++
			require.False(t, strings.Contains(fmt.Sprintf("%s %+v", e.digest, e), token))
		}
	}
	require.Equal(t, 1, found)
	require.Empty(t, asker.flights)
}

type answering struct{}

func (answering) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: 200, Header: http.Header{"Content-Type": {typeJSON}, "Cache-Control": {"max-age=60"}}, Body: http.NoBody,
	}, nil
}

// A question that was answered between a caller's look and its turn is not asked again.
func TestJoinLooksAgain(t *testing.T) {
	t.Parallel()
	asker, err := newAsker[string](limits{
		endpoint: "https://as.example", audience: "x", http: &http.Client{Transport: answering{}},
	}, typeJSON)
	require.NoError(t, err)
	later := time.Now().Add(time.Hour)
	asker.yes.put(&entry[string]{digest: asker.digest("a"), value: "value", until: later})
	asker.no.put(&entry[*Error]{digest: asker.digest("b"), value: refuse(ErrInactive), until: later})
	f, err := asker.join(asker.digest("a"), "a")
	require.NoError(t, err)
	<-f.done
	require.NoError(t, f.err)
	require.Equal(t, "value", f.entry.value)
	f, err = asker.join(asker.digest("b"), "b")
	require.NoError(t, err)
	<-f.done
	require.ErrorIs(t, f.err, ErrInactive)
	require.Empty(t, asker.flights)
}

func TestErrorForLogs(t *testing.T) {
	t.Parallel()
	for rule, code := range map[error]string{
		ErrToken: "invalid_token", ErrInactive: "invalid_token", ErrIssuer: "invalid_token", ErrAudience: "invalid_token",
		ErrForm: "invalid_request", ErrFormat: "invalid_request", ErrTooMany: "temporarily_unavailable",
	} {
		err := refuse(rule)
		require.Equal(t, code, err.OAuthCode())
		require.Equal(t, "[rule="+rule.Error()+" code="+code+"]", err.LogValue().String())
	}
}
