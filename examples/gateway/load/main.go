// Load puts a gateway with everything around it under load and prints how long
// requests take. Clients, gateway, API and authorization server are one process
// here, with TLS between all of them, and share its CPUs: a gateway with a machine of
// its own does better, as it has neither clients that sign nor an API to feed.
//
//	go run ./examples/gateway/load                # 20,000 requests of each kind, by 32 clients
//	go run ./examples/gateway/load -c 8 -n 5000 -seconds 10
//
// Every client has a token, a key or certificate, and a connection of its own. The
// first requests, which set those up, are not counted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"

	"github.com/go-fapi/fapi/examples/gateway/demo"
)

// options bound a run.
type options struct {
	requests, clients, seconds int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	status := 0
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "load:", err)
		status = 1
	}
	stop()
	os.Exit(status)
}

func run(ctx context.Context, args []string, out, log io.Writer) (err error) {
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.SetOutput(log)
	var o options
	flags.IntVar(&o.requests, "n", 20_000, "`requests` of each kind, 1 to 1,000,000")
	flags.IntVar(&o.clients, "c", 32, "`clients` at once, 1 to 1,000")
	flags.IntVar(&o.seconds, "seconds", 30, "`time` after which a kind ends, 1 to 60")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if !within(o.requests, 1_000_000) || !within(o.clients, 1_000) || !within(o.seconds, 60) || flags.NArg() > 0 {
		return errors.New("a flag is out of range (-help explains)")
	}
	folder, err := os.MkdirTemp("", "load")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	d, err := demo.Start(demo.Config{Folder: folder}) // without its log, which would cut the table
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return measure(ctx, d, o, out)
}

func within(n, most int) bool { return n >= 1 && n <= most }

// kind is a way to ask for accounts.
type kind struct {
	name   string
	key    bool // proofs (RFC 9449), or else a certificate (RFC 8705)
	opaque bool // the token, or else a JWT
	origin string
}

func measure(ctx context.Context, d *demo.Demo, o options, out io.Writer) error {
	fmt.Fprintf(out, "%d clients, %d CPUs, %s\n", o.clients, runtime.GOMAXPROCS(0), runtime.Version())
	fmt.Fprintf(out, "%-28s %9s %8s %8s %8s %8s %8s\n", "", "requests", "req/s", "p50", "p90", "p99", "p99.9")
	for _, k := range []kind{
		{"DPoP through the gateway", true, true, d.Origin},
		{"certificate through it", false, true, d.MTLSOrigin},
		{"DPoP without it", true, false, d.Accounts},
		{"certificate without it", false, false, d.Accounts},
	} {
		took, latencies, err := k.load(ctx, d, o)
		if err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
		fmt.Fprintf(out, "%-28s %9d %8.0f", k.name, len(latencies), float64(len(latencies))/took.Seconds())
		for _, permille := range []int{500, 900, 990, 999} {
			fmt.Fprintf(out, " %8s", percentile(latencies, permille))
		}
		fmt.Fprintln(out)
	}
	return nil
}
