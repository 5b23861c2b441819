// Package client has no code of its own. It is a client program in small steps,
// from plain x/oauth2 to FAPI 2.0, in the folder steps; what each step changes
// is in the folder diffs. README.md tells the story.
package client
