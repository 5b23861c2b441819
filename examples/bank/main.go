// The bank is one process with an authorization server, accounts APIs, a gateway
// and their clients in it, on real HTTP and TLS on loopback: clients that act for
// themselves, with keys and with certificates, clients whose users log in with a
// browser, clients with opaque tokens, and relying parties that must not find out
// that they have the same user. It tells what happens, and then plays the thief:
// every attack has to be refused by the rule that is there for it, and has to
// succeed, or be shown to differ by nothing else, once that rule is taken away.
//
//	go run ./examples/bank            # the story and the table
//	go run ./examples/bank -json      # the results for machines
//	go run ./examples/bank -serve     # leaves the servers up, prints curl commands
//
// The exit status is 0 only if every attack was refused and every control
// behaved.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	asJSON := flag.Bool("json", false, "print the results as JSON and nothing else")
	serve := flag.Bool("serve", false, "leave the servers up and print curl commands")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ok, err := run(ctx, newReport(os.Stdout, *asJSON), *serve)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bank:", err)
	}
	if err != nil || !ok {
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, report *report, serve bool) (ok bool, err error) {
	bank, err := newBank()
	if err != nil {
		return false, err
	}
	defer bank.close()
	if serve {
		return true, bank.serve(ctx, report)
	}
	if err := bank.story(ctx, report); err != nil {
		return false, err
	}
	report.heading("The thief")
	report.say("has the victim's access token, and proofs read off the wire, but not the key. From T40 on he")
	report.say("has a client and an account at the bank as well, and reads and changes what browsers carry;")
	report.say("from T67 on he is inside, behind the gateway; from T81 on he reads what was recorded.")
	for _, group := range bank.groups() {
		report.group(group.title)
		for _, attack := range group.attacks {
			row := bank.stage(ctx, attack)
			row.Group = group.title
			report.row(row)
		}
	}
	return report.finish()
}
