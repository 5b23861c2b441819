package main

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"

	"github.com/go-fapi/fapi/examples/internal/strictjson"
	"github.com/go-fapi/fapi/ppid"
)

// sectors finds the sector of a client; [*ppid.Fetcher] asks the web for the document
// behind a sector_identifier_uri.
type sectors interface {
	SectorOf(ctx context.Context, sectorIdentifierURI string, redirectURIs []string) (ppid.Sector, error)
}

// sector is whose identifiers a client with pairwise ones shares.
func (c client) sector(s strictjson.Section, f files) (sector ppid.Sector) {
	if c.SubjectType != "pairwise" {
		return sector
	}
	at := s.Field("sector_identifier_uri")
	sector, err := ppid.Sector{}, error(nil)
	if c.Sector != "" {
		at = s.Field("sector")
		sector, err = namedSector(c.Sector)
	} else {
		sector, err = f.sectors.SectorOf(context.Background(), c.SectorIdentifierURI, c.RedirectURIs)
	}
	at.Unless(err == nil, "%v (OpenID Connect Core 8.1)", err)
	return sector
}

// namedSector is one that whoever wrote the configuration decided on.
func namedSector(host string) (ppid.Sector, error) { return ppid.SectorOf("https://"+host+"/", nil) }

// newDeriver makes the key for pairwise identifiers of the one for public ones, which
// are of another kind: HKDF keeps them apart.
func newDeriver(issuer string, subjectKey []byte) (*ppid.Deriver, error) {
	if subjectKey == nil {
		subjectKey = make([]byte, 32)
		rand.Read(subjectKey) // never fails: it ends the program instead
	}
	key, err := hkdf.Key(sha256.New, subjectKey, nil, "pairwise subjects", 32)
	if err != nil {
		return nil, err
	}
	return ppid.NewDeriver(ppid.Config{Issuer: issuer, Epochs: []ppid.Epoch{{ID: "1", Key: key}}})
}
