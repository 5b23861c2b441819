package ppid_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-fapi/fapi/ppid"
)

func ExampleSectorOf() {
	sector, err := ppid.SectorOf("", []string{"https://Client.Example.com:8443/cb", "https://client.example.com/cb2"})
	fmt.Println(sector, err)

	_, err = ppid.SectorOf("", []string{"https://a.example.org/cb", "https://b.example.org/cb"})
	fmt.Println(err)

	_, err = ppid.SectorOf("", []string{"http://127.0.0.1/cb"})
	fmt.Println(err)
	// Output:
	// client.example.com <nil>
	// ppid: the registration names no sector: redirect_uris have several hosts, register a sector_identifier_uri
	// ppid: the registration names no sector: ip addresses and loopback hosts are shared by unrelated clients, register a sector_identifier_uri on a host of yours
}

func ExampleDeriver() {
	deriver, err := ppid.NewDeriver(ppid.Config{
		Issuer: "https://as.example.com",
		Epochs: []ppid.Epoch{{ID: "2026", Key: []byte("read 32 random octets from a KMS")}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, uri := range []string{"https://client.example.com/cb", "https://other.example.org/cb"} {
		sector, _ := ppid.SectorOf("", []string{uri})
		fmt.Println(deriver.Derive(sector, "alice"))
	}
	// Output:
	// 0-0ePqwRGwalOr06JooeCnX_oI9M1xZ12G3fcwDSKLM <nil>
	// 6s2ZdNKnbx89m_IZA4SkoaqPM9k-I-UiaimtFderjRY <nil>
}

func ExampleDeriver_Account() {
	deriver, err := ppid.NewDeriver(ppid.Config{
		Issuer: "https://as.example.com",
		Epochs: []ppid.Epoch{{
			ID:         "2026",
			Key:        []byte("read 64 random octets from a KMS, and never use them for others."),
			Reversible: true,
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	here, _ := ppid.SectorOf("", []string{"https://client.example.com/cb"})
	there, _ := ppid.SectorOf("", []string{"https://other.example.org/cb"})
	subject, _ := deriver.Derive(here, "alice")
	fmt.Println(deriver.Account(here, subject))
	_, err = deriver.Account(there, subject)
	fmt.Println(errors.Is(err, ppid.ErrSubject))
	// Output:
	// alice <nil>
	// true
}

func ExampleStored_Import() {
	memory, _ := ppid.NewMemory(ppid.MemoryConfig{}) // a database, in earnest
	stored, err := ppid.NewStored(ppid.StoredConfig{Issuer: "https://as.example.com", Store: memory})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	sector, _ := ppid.SectorOf("", []string{"https://client.example.com:8443/cb"})
	old, _ := ppid.Legacy{Sector: "client.example.com:8443", Salt: []byte("of the other server")}.Subject("alice")
	fmt.Println(stored.Import(ctx, sector, "alice", old))

	subject, _ := stored.Derive(ctx, sector, "alice")
	fmt.Println(subject == old)
	// Output:
	// <nil>
	// true
}

func ExampleMigration() {
	deriver, err := ppid.NewDeriver(ppid.Config{
		Issuer: "https://as.example.com",
		Epochs: []ppid.Epoch{{ID: "2026", Key: []byte("read 32 random octets from a KMS")}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	sector, _ := ppid.SectorOf("", []string{"https://client.example.com/cb"})
	migration := ppid.Migration{
		ClientID: "client-1",
		From:     func(_ context.Context, account string) (string, error) { return account, nil }, // public
		To:       func(_ context.Context, account string) (string, error) { return deriver.Derive(sector, account) },
	}
	fmt.Println(migration.Pair(context.Background(), "client-1", "alice"))
	_, _, err = migration.Pair(context.Background(), "client-2", "alice")
	fmt.Println(err)
	// Output:
	// alice 0-0ePqwRGwalOr06JooeCnX_oI9M1xZ12G3fcwDSKLM <nil>
	// ppid: not the client whose identifiers change
}
