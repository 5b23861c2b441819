package main

import (
	"context"
	"errors"
)

// partiesStory is one user at three relying parties, and what they could make of it.
func (b *bank) partiesStory(ctx context.Context, report *report) error {
	report.heading("Relying parties")
	report.say("a savings bank, an insurer, and the insurer's app, which names the insurer's sector;")
	report.say("alice logs in at each and logs out at the bank, and so does bob:")
	known := map[string]map[string]bool{}
	subjects := map[string]string{}
	for _, id := range []string{savingsID, insuranceID, insuranceAppID} {
		names, visit, err := b.known(ctx, b.send, id)
		if err != nil {
			return err
		}
		if subjects[id], err = visit.subject(); err != nil {
			return err
		}
		known[id] = names
		report.say("  %s got %d octets about her, with %d words of %d characters or more that bob's do not have",
			id, len(visit.received), len(names), minWord)
	}
	report.say("each knows her by one sub, in the ID token, at userinfo and in the logout token; the")
	report.say("gateway hears the same one from introspection, as it asks about that client's token.")
	return tellCorrelation(report, known, subjects)
}

// tellCorrelation lays side by side what the parties have.
func tellCorrelation(report *report, known map[string]map[string]bool, subjects map[string]string) error {
	for _, id := range []string{insuranceID, insuranceAppID} {
		if shared := common(known[savingsID], known[id]); len(shared) > 0 {
			return errors.New("the savings bank and the insurer have words in common")
		}
	}
	shared := common(known[insuranceID], known[insuranceAppID])
	if len(shared) != 1 || shared[0] != subjects[insuranceID] || subjects[insuranceID] != subjects[insuranceAppID] {
		return errors.New("insurer and app should have sub in common, and nothing else")
	}
	report.say("the savings bank has none of these words in common with the insurer or its app;")
	report.say("insurer and app have one, sub, as they asked for.")
	return nil
}
