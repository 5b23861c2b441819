package safehttp

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFreshness(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(d time.Duration) []string { return []string{now.Add(d).Format(http.TimeFormat)} }
	cc := func(lines ...string) http.Header { return http.Header{"Cache-Control": lines} }
	const silent = -1
	for name, tc := range map[string]struct {
		header http.Header
		want   time.Duration
	}{
		"nothing said":            {http.Header{}, silent},
		"other directives":        {cc("private, must-revalidate, s-maxage=9"), silent},
		"max-age":                 {cc("public, max-age=60"), time.Minute},
		"case, quotes, spaces":    {cc(" , Max-Age=\"60\" ,"), time.Minute},
		"second line":             {cc("public", "max-age=60"), time.Minute},
		"first of several counts": {cc("max-age=60, max-age=5", "max-age=7"), time.Minute},
		"no-store wins":           {cc("max-age=60", "no-store"), 0},
		"no-cache wins":           {cc("No-Cache, max-age=60"), 0},
		"zero":                    {cc("max-age=0"), 0},
		"negative":                {cc("max-age=-1"), 0},
		"not a number":            {cc("max-age=1h"), 0},
		"no value":                {cc("max-age"), 0},
		"at most a day":           {cc("max-age=31536000"), maxFresh},
		"too large for any type":  {cc("max-age=99999999999999999999999999"), maxFresh},
		"age is subtracted":       {http.Header{"Cache-Control": {"max-age=60"}, "Age": {"20"}}, 40 * time.Second},
		"age before the bound":    {http.Header{"Cache-Control": {"max-age=172800"}, "Age": {"129600"}}, 12 * time.Hour},
		"age above the lifetime":  {http.Header{"Cache-Control": {"max-age=60"}, "Age": {"61"}}, 0},
		"bad age is ignored":      {http.Header{"Cache-Control": {"max-age=60"}, "Age": {"-1"}}, time.Minute},
		"expires by our clock":    {http.Header{"Expires": at(time.Minute)}, time.Minute},
		"expires by their clock":  {http.Header{"Expires": at(time.Minute), "Date": at(-time.Minute)}, 2 * time.Minute},
		"expires, date is bad":    {http.Header{"Expires": at(time.Minute), "Date": {"now"}}, time.Minute},
		"expires in the past":     {http.Header{"Expires": at(-time.Minute)}, 0},
		"expires 0":               {http.Header{"Expires": {"0"}}, 0},
		"expires long ago, aged":  {http.Header{"Expires": {"Mon, 01 Jan 0001 00:00:00 GMT"}, "Date": {"Fri, 31 Dec 9999 23:59:59 GMT"}, "Age": {"2147483647"}}, 0},
		"max-age before expires":  {http.Header{"Cache-Control": {"max-age=60"}, "Expires": {"0"}}, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, stated := freshness(tc.header, now)
			assert.Equal(t, tc.want != silent, stated)
			assert.Equal(t, max(tc.want, 0), got)
		})
	}
}

func FuzzFreshness(f *testing.F) {
	f.Add("max-age=60, no-store", "Thu, 01 Jan 2026 00:00:00 GMT", "Thu, 01 Jan 2026 00:00:00 GMT", "5")
	f.Add("max-age=\"99999999999999999999\"", "0", "", "-1")
	f.Fuzz(func(t *testing.T, control, expires, date, age string) {
		h := http.Header{"Cache-Control": {control}, "Expires": {expires}, "Date": {date}, "Age": {age}}
		fresh, stated := freshness(h, time.Now())
		require.GreaterOrEqual(t, fresh, time.Duration(0))
		require.LessOrEqual(t, fresh, maxFresh)
		require.True(t, stated || fresh == 0)
	})
}
