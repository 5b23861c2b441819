package par_test

import (
	"context"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/par"
)

// objectsFor are request objects that expire after a while.
type objectsFor time.Duration

func (objectsFor) Verify(context.Context, string, url.Values) (url.Values, error) {
	return nil, coded("invalid_request_object") // not the method that is called
}

func (o objectsFor) VerifyUntil(context.Context, string, url.Values) (url.Values, time.Time, error) {
	if o == 0 {
		return form(), time.Time{}, nil
	}
	return form(), time.Now().Add(time.Duration(o)), nil
}

func TestObjectLife(t *testing.T) {
	t.Parallel()
	push := func(t *testing.T, life time.Duration, expiresIn string) (*server, string) {
		s := newServer(t, func(c *par.HandlerConfig) { c.RequestObjects = objectsFor(life) })
		w := s.push(form("request", "eyJ").Encode())
		require.Contains(t, w.Body.String(), `"expires_in":`+expiresIn+`}`)
		return s, requireCreated(t, w)
	}
	t.Run("R20 the request_uri does not outlive the object", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, requestURI := push(t, 10500*time.Millisecond, "10")
			time.Sleep(10500 * time.Millisecond)
			s.dead(t, requestURI)
		})
	})
	t.Run("R20 control: until then it works, and the user has their time", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, requestURI := push(t, 10*time.Second, "10")
			time.Sleep(10*time.Second - 1)
			_, err := s.Load(t.Context(), "client-1", requestURI)
			require.NoError(t, err)
			time.Sleep(29 * time.Minute)
			s.works(t, requestURI)
		})
	})
	t.Run("R20 control: a longer life prolongs nothing", func(t *testing.T) {
		t.Parallel()
		for _, life := range []time.Duration{0, time.Hour} {
			synctest.Test(t, func(t *testing.T) {
				s, requestURI := push(t, life, "300")
				time.Sleep(5 * time.Minute)
				s.dead(t, requestURI)
			})
		}
	})
}
