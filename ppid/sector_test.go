package ppid

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSectorOf(t *testing.T) {
	t.Parallel()
	t.Run("U07 one canonical host", func(t *testing.T) {
		t.Parallel()
		for uri, want := range map[string]string{
			"https://client.example.com/cb":           "client.example.com",
			"https://CLIENT.Example.COM/cb":           "client.example.com",
			"HTTPS://client.example.com":              "client.example.com",
			"https://client.example.com./cb":          "client.example.com",
			"https://client.example.com:443/cb":       "client.example.com",
			"https://client.example.com:/cb":          "client.example.com",
			"https://client.example.com:8443/cb?a=b":  "client.example.com",
			"https://b\u00fccher.example/cb":          "xn--bcher-kva.example",
			"https://BU\u0308CHER.example/cb":         "xn--bcher-kva.example",
			"https://b%C3%BCcher.example/cb":          "xn--bcher-kva.example",
			"https://xn--bcher-kva.example/cb":        "xn--bcher-kva.example",
			"https://XN--BCHER-KVA.example/cb":        "xn--bcher-kva.example",
			"https://client\u3002example\u3002com/cb": "client.example.com",
			"https://\uff43lient.example.com/cb":      "client.example.com",
			"https://stra\u00dfe.example/cb":          "xn--strae-oqa.example",
		} {
			sector, err := SectorOf("", []string{uri})
			require.NoError(t, err, uri)
			require.Equal(t, want, sector.String(), uri)
		}
	})
	t.Run("U07 no sector", func(t *testing.T) {
		t.Parallel()
		for _, uri := range []string{
			"", "client.example.com", "//client.example.com/cb", "/cb", "https://", "https:///cb", "https:client.example.com",
			"https://user@client.example.com/cb", "https://user:pass@client.example.com/", "https://@client.example.com/",
			"https://client.example.com/cb#f", "https://client.example.com/cb#",
			"http://client.example.com/cb",
			"com.example.app:/oauth2redirect", "com.example.app://client.example.com/cb", "urn:ietf:wg:oauth:2.0:oob",
			"https://localhost/cb", "https://LOCALHOST./cb", "https://a.localhost/cb", "http://127.0.0.1:4711/cb",
			"https://127.0.0.1/cb", "https://[::1]/cb", "https://[::1%25eth0]/cb", "https://[::ffff:7f00:1]/cb", "https://8.8.8.8/",
			"https://[64:ff9b::7f00:1]/cb", "https://[2606:4700::1111]/", "https://127.1/cb", "https://2130706433/cb",
			"https://0x7f000001/cb", "https://0177.0.0.1/cb", "https://\uff11\uff12\uff17.0.0.1/cb", "https://127\u30020.0.1/cb",
			"https://127.0.0.1./cb", "https://client.0x7f/cb",
			"https://com/cb", "https://co.uk/cb", "https://github.io/cb", "https://intranet/cb", "https://xn--p1ai/cb",
			"https://client..example.com/cb", "https://client.example.com../cb", "https://.example.com/cb", "https://./cb",
			"https://a_b.example.com/cb", "https://-a.example.com/cb", "https://*.example.com/cb", "https://\u00ad/cb",
			"https://xn--a.example/cb", "https://a b.example.com/", "https://client.example.com:x/", "https://%/",
			"https://" + strings.Repeat("a", 64) + ".example.com/", "https://" + strings.Repeat("a.", 127) + "example.com/",
			"https://client.example.com/\xff", "https://client.example.com/" + strings.Repeat("a", maxURI),
		} {
			_, err := SectorOf("", []string{uri})
			requireRefused(t, err, ErrSector, "invalid_client_metadata")
			if uri != "" {
				_, err = SectorOf(uri, []string{"https://client.example.com/cb"})
				requireRefused(t, err, ErrSector, "invalid_client_metadata")
			}
		}
	})
	t.Run("several hosts", func(t *testing.T) {
		t.Parallel()
		hosts := []string{"https://a.example.org/cb", "https://b.example.org/cb"}
		_, err := SectorOf("", hosts)
		require.ErrorContains(t, err, "register a sector_identifier_uri")
		sector, err := SectorOf("https://c.example.org/sector.json", hosts)
		require.NoError(t, err)
		require.Equal(t, "c.example.org", sector.String())
		_, err = SectorOf("", nil)
		require.ErrorContains(t, err, "register a sector_identifier_uri")
		_, err = SectorOf("", make([]string, maxURIs+1))
		requireRefused(t, err, ErrSector, "invalid_client_metadata")
	})
	t.Run("U08 path, query and port of the sector_identifier_uri do not count", func(t *testing.T) {
		t.Parallel()
		d := newDeriver(t)
		want := derive(t, d, sectorOf(t, "client.example.com"), "alice")
		for _, uri := range []string{"https://client.example.com/a", "https://client.example.com/b?c=d", "https://client.example.com:8443/"} {
			sector, err := SectorOf(uri, nil)
			require.NoError(t, err)
			require.Equal(t, want, derive(t, d, sector, "alice"))
		}
		whole, err := Legacy{Sector: "https://client.example.com/a", Salt: testKey(32, 0)}.Subject("alice")
		require.NoError(t, err)
		moved, err := Legacy{Sector: "https://client.example.com/b", Salt: testKey(32, 0)}.Subject("alice")
		require.NoError(t, err)
		require.NotEqual(t, whole, moved, "control: what a whole-URI sector does")
	})
}

func TestSectorText(t *testing.T) {
	t.Parallel()
	type record struct{ Sector Sector }
	before := record{sectorOf(t, "client.example.com")}
	data, err := json.Marshal(before)
	require.NoError(t, err)
	require.JSONEq(t, `{"Sector":"client.example.com"}`, string(data))
	var after record
	require.NoError(t, json.Unmarshal(data, &after))
	require.Equal(t, before, after)

	var zero, later Sector
	text, err := zero.MarshalText()
	require.NoError(t, err)
	require.NoError(t, later.UnmarshalText(text))
	require.Equal(t, zero, later)
	for _, bad := range []string{"Client.example.com", "client.example.com.", "client.example.com:443", "https://client.example.com",
		"127.0.0.1", "::1", "localhost", "com", "b\u00fccher.example", " client.example.com", "client..com", "a\x00b.example"} {
		requireFault(t, later.UnmarshalText([]byte(bad)))
		require.Equal(t, zero, later)
	}
}

func FuzzSectorOf(f *testing.F) {
	for _, uri := range []string{"https://client.example.com/cb", "https://B\u00dcCHER.example:8443/", "com.example.app:/cb",
		"http://127.0.0.1/", "https://[::1%25a]/", "https://xn--bcher-kva.example", "https://a\u3002b.example./", "https://\u00ad.example/",
		"https://xn-%bcher-kva.example"} {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		sector, err := SectorOf("", []string{uri})
		if err != nil {
			requireRefused(t, err, ErrSector, "invalid_client_metadata")
			require.Equal(t, Sector{}, sector)
			return
		}
		host := sector.String()
		require.Equal(t, strings.ToLower(host), host)
		require.NotContains(t, host, ":")
		require.Contains(t, host, ".")
		again, err := SectorOf("https://"+host+"/", nil)
		require.NoError(t, err, host)
		require.Equal(t, sector, again)
		var stored Sector
		require.NoError(t, stored.UnmarshalText([]byte(host)))
		require.Equal(t, sector, stored)
	})
}
