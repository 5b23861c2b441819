// Package program is what the programs among the examples have in common: the
// command line, the files that a configuration names, and servers that stop in
// good order.
package program

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-fapi/fapi/examples/internal/strictjson"
)

// Program is a program with a configuration file.
type Program struct {
	Name    string
	Example any // the configuration that -print-config prints

	// Run serves until ctx is done. Its error is [strictjson.Problems] if the
	// configuration is to blame.
	Run func(ctx context.Context, config string, journal *Journal) error
}

// Main runs the program until it is interrupted, and returns its exit status: 0
// then, 1 if it could not run, 2 if the command line or the configuration is
// wrong.
func (p Program) Main() (status int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	return p.Do(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

// errUsage is a command line that names not exactly one thing to do.
var errUsage = errors.New("one of -config file and -print-config is needed (-help explains)")

// Do is Main with the outside world as parameters.
func (p Program) Do(ctx context.Context, args []string, out, log io.Writer) (status int) {
	flags := flag.NewFlagSet(p.Name, flag.ContinueOnError)
	flags.SetOutput(log)
	name := flags.String("config", "", "run with this configuration `file`")
	show := flags.Bool("print-config", false, "print a complete configuration")
	verbose := flags.Bool("v", false, "with -config: report outcomes")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2 // flags has said why
	}
	var err error
	switch {
	case flags.NArg() > 0 || (*name != "") == *show || (*verbose && *show):
		err = errUsage
	case *show:
		err = p.print(out)
	default:
		err = p.Run(ctx, *name, NewJournal(log, p.Name, *verbose))
	}
	return p.report(log, err)
}

func (p Program) print(out io.Writer) error {
	text, err := Marshal(p.Example)
	if err == nil {
		_, err = out.Write(text)
	}
	return err
}

// Marshal is a configuration as a document.
func Marshal(config any) ([]byte, error) {
	text, err := json.MarshalIndent(config, "", "  ")
	return append(text, '\n'), err
}

func (p Program) report(log io.Writer, err error) (status int) {
	if err == nil {
		return 0
	}
	fmt.Fprintf(log, "%s: %v\n", p.Name, err)
	if _, wrong := errors.AsType[strictjson.Problems](err); wrong || errors.Is(err, errUsage) {
		return 2
	}
	return 1
}

// ReadConfig reads the configuration behind v from a file.
func ReadConfig(name string, v any) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return strictjson.Problems{{Field: "-config", Rule: err.Error()}}
	}
	return strictjson.Decode(data, v).Err()
}
