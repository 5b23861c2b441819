package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/go-fapi/fapi/examples/internal/strictjson"
)

// printSubjects prints by what sub each resource server with a sector knows each user:
// its operator needs that to say whose things are whose.
func printSubjects(out io.Writer, name string) error {
	s, err := load(name, newJournal(io.Discard, false))
	if err != nil {
		return err
	}
	if s.subjectKey == nil {
		return strictjson.Problems{{Field: "subject_key", Rule: "required: without it, every start has other subjects"}}
	}
	var errs []error
	for _, r := range s.config.ResourceServers {
		if r.Sector == "" {
			continue // it hears what each client hears
		}
		subjects, err := s.config.subjects(r, s.subjectKey)
		errs = append(errs, err)
		for _, u := range s.config.Users {
			_, err := fmt.Fprintf(out, "%s %s %s\n", r.ID, u.Username, subjects[u.Username])
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// subjects are the users' sub in the sector of a resource server, by username.
func (c *config) subjects(r resourceServer, key []byte) (map[string]string, error) {
	sector, err := namedSector(r.Sector)
	if err != nil {
		return nil, err
	}
	deriver, err := newDeriver(c.Issuer, key)
	if err != nil {
		return nil, err
	}
	subjects := map[string]string{}
	for _, u := range c.Users {
		if subjects[u.Username], err = deriver.Derive(sector, u.Account); err != nil {
			return nil, err
		}
	}
	return subjects, nil
}
