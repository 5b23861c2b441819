package ppid

import (
	"context"
	"testing"
)

func BenchmarkDerive(b *testing.B) {
	sector := sectorOf(b, "client.example.com")
	for name, e := range map[string]Epoch{
		"HMAC":       {ID: "1", Key: testKey(32, 1)},
		"base32":     {ID: "1", Key: testKey(32, 1), CaseInsensitive: true},
		"reversible": {ID: "1", Key: testKey(64, 1), Reversible: true},
	} {
		d := newDeriver(b, e)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Derive(sector, "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAccount(b *testing.B) {
	sector := sectorOf(b, "client.example.com")
	d := newDeriver(b, Epoch{ID: "1", Key: testKey(64, 1), Reversible: true})
	subject := derive(b, d, sector, "alice")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Account(sector, subject); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStored(b *testing.B) {
	sector, s := sectorOf(b, "client.example.com"), newStored(b, nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Derive(context.Background(), sector, "alice"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSectorOf(b *testing.B) {
	uris := []string{"https://client.example.com/cb"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := SectorOf("", uris); err != nil {
			b.Fatal(err)
		}
	}
}
