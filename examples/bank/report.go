package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
)

// result is one attack, for people and machines.
type result struct {
	ID      string `json:"id"`
	Group   string `json:"group"`
	Attack  string `json:"attack"`
	Status  int    `json:"status"`
	Error   string `json:"error"`
	Rule    string `json:"rule"`
	Refused bool   `json:"refused"` // by the rule that is there for it
	Control bool   `json:"control"` // the control behaved
	Without string `json:"without"` // what the control took away, or changed
	Outcome string `json:"outcome"` // what the control answered
}

// report prints the story, or collects results for -json.
type report struct {
	out     io.Writer
	json    bool
	colour  bool
	results []result
}

func newReport(out *os.File, asJSON bool) *report {
	info, err := out.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return &report{out: out, json: asJSON, colour: terminal && !asJSON}
}

func (r *report) printf(format string, args ...any) {
	if !r.json {
		fmt.Fprintf(r.out, format, args...)
	}
}

func (r *report) heading(text string)            { r.printf("\n%s\n", r.paint("1", text)) }
func (r *report) say(format string, args ...any) { r.printf("  "+format+"\n", args...) }

func (r *report) exchange(method, path, sent string, status int, code string) {
	if sent != "" {
		sent = " [" + sent + "]"
	}
	r.printf("    %-4s %s%s → %s\n", method, path, sent, r.paint(colourOf(status < 400), fmt.Sprint(status, " ", code)))
}

func (r *report) group(title string) { r.printf("\n  %s\n", r.paint("1", "— "+title)) }

func (r *report) row(row result) {
	r.results = append(r.results, row)
	r.printf("\n  %s %s\n", r.paint("1", row.ID), row.Attack)
	verdict := "refused"
	if !row.Refused {
		verdict = "NOT REFUSED as it should be"
	}
	r.printf("      %s: %d %s · %s\n", r.paint(colourOf(row.Refused), verdict), row.Status, row.Error, row.Rule)
	control := "control"
	if !row.Control {
		control = "CONTROL FAILED"
	}
	r.printf("      %s, %s: %s\n", r.paint(colourOf(row.Control), control), row.Without, row.Outcome)
}

// finish prints the table and says whether everything was as it should be.
func (r *report) finish() (ok bool, err error) {
	refused, controls := 0, 0
	for _, row := range r.results {
		if row.Refused {
			refused++
		}
		if row.Control {
			controls++
		}
	}
	total := len(r.results)
	ok = total > 0 && refused == total && controls == total
	if r.json {
		encoder := json.NewEncoder(r.out)
		encoder.SetIndent("", "  ")
		return ok, encoder.Encode(map[string]any{"results": r.results, "refused": refused, "controls": controls, "total": total})
	}
	r.heading("Summary")
	table := tabwriter.NewWriter(r.out, 2, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  id\tattack\tstatus\terror\trefused\tcontrol")
	group := ""
	for _, row := range r.results {
		if row.Group != group {
			group = row.Group
			fmt.Fprintf(table, "\t— %s\t\t\t\t\n", group)
		}
		fmt.Fprintf(table, "  %s\t%s\t%d\t%s\t%s\t%s\n", row.ID, row.Attack, row.Status, row.Error, yesNo(row.Refused), yesNo(row.Control))
	}
	if err := table.Flush(); err != nil {
		return false, err
	}
	r.printf("\n  %s\n", r.paint(colourOf(ok), fmt.Sprintf("%d of %d attacks refused, %d of %d controls behaved", refused, total, controls, total)))
	return ok, nil
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "NO"
}

func colourOf(good bool) string {
	if good {
		return "32"
	}
	return "31"
}

func (r *report) paint(colour, text string) string {
	if !r.colour {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}
