// Fapicheck fetches what an authorization server publishes about itself, its
// metadata and its keys, and compares it with a FAPI profile.
//
//	go run ./examples/fapicheck https://issuer
//	go run ./examples/fapicheck -profile all -json https://issuer
//	go run ./examples/fapicheck -ca local.pem https://localhost:8443
//
// The metadata is looked for where RFC 8414 puts it, then where OpenID Connect
// does. Built, its exit status is 0 if the server breaks no rule that binds, 1 if it
// does, and 2 if that could not be found out.
package main

import (
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-fapi/fapi"
)

const (
	exitClean = iota
	exitFindings
	exitFailure
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// options are the command line.
type options struct {
	issuer   string
	profiles []fapi.Profile
	asJSON   bool
	roots    *x509.CertPool // nil: those of the system
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (status int) {
	options, err := readOptions(args, stderr)
	if err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(stderr, "fapicheck:", err)
		}
		return exitFailure
	}
	report, err := inspect(ctx, options)
	if report != nil {
		if writeErr := report.write(stdout, options.asJSON); err == nil {
			err = writeErr
		}
	}
	switch {
	case err != nil:
		fmt.Fprintln(stderr, "fapicheck:", ascii(err.Error()))
		return exitFailure
	case report.binding() > 0:
		return exitFindings
	}
	return exitClean
}

func readOptions(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("fapicheck", flag.ContinueOnError)
	flags.SetOutput(stderr)
	profile := flags.String("profile", string(fapi.FAPI2Security), "fapi2-security, fapi2-message-signing, fapi1-advanced or all")
	flags.BoolVar(&o.asJSON, "json", false, "print the findings as JSON")
	ca := flags.String("ca", "", "PEM `file` of certificates to trust besides those of the system")
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: fapicheck [-profile name] [-json] [-ca file.pem] https://issuer")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return o, flag.ErrHelp // which flag has reported
	}
	if flags.NArg() != 1 {
		flags.Usage()
		return o, flag.ErrHelp
	}
	o.issuer = flags.Arg(0)
	if _, _, err := fapi.MetadataURLs(o.issuer); err != nil {
		return o, err
	}
	o.profiles = []fapi.Profile{fapi.Profile(*profile)}
	if *profile == "all" {
		o.profiles = []fapi.Profile{fapi.FAPI2Security, fapi.FAPI2MessageSigning, fapi.FAPI1Advanced}
	}
	for _, p := range o.profiles {
		if _, err := p.Rules(); err != nil {
			return o, fmt.Errorf("%w: %q", err, *profile)
		}
	}
	o.roots, err = readRoots(*ca)
	return o, err
}

func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("no certificate in %s", file)
	}
	return roots, nil
}
