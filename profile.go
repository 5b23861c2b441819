package fapi

import (
	"fmt"
	"slices"
)

// Profile names one of the FAPI profiles. The zero value is none of them: its
// methods return an error that wraps [ErrProfile].
type Profile string

// The profiles. FAPI2MessageSigning is all methods of that document; a server may
// claim some of them only, and is measured here against the others too.
const (
	FAPI2Security       Profile = "fapi2-security"        // FAPI 2.0 Security Profile
	FAPI2MessageSigning Profile = "fapi2-message-signing" // FAPI 2.0 Message Signing, on top of it: signed requests, responses, introspection
	FAPI1Advanced       Profile = "fapi1-advanced"        // FAPI 1.0 Advanced, with JARM
)

// tables are all that the checks know of a profile.
type tables struct {
	rules   Rules
	server  []row // server metadata
	client  []row // client metadata
	request []row // authorization requests
	keySet  []row // a key set as a whole
	key     []row // each of its keys
	suites  map[Role][]uint16
}

// profiles is read only. Message Signing is the Security Profile and more.
var profiles = map[Profile]tables{
	FAPI2Security: {
		rules:   securityRules,
		server:  slices.Concat(metadataServer, securityServer),
		client:  slices.Concat(metadataClient, securityClient),
		request: slices.Concat(oauthRequest, securityRequest),
		keySet:  slices.Concat(anyKeySet, securityKeySet),
		key:     slices.Concat(anyKey, securityKey),
		suites:  recommendedSuites,
	},
	FAPI2MessageSigning: {
		rules:   messageSigningRules,
		server:  slices.Concat(metadataServer, securityServer, messageSigningServer),
		client:  slices.Concat(metadataClient, securityClient, messageSigningClient),
		request: slices.Concat(oauthRequest, securityRequest, messageSigningRequest),
		keySet:  slices.Concat(anyKeySet, securityKeySet),
		key:     slices.Concat(anyKey, securityKey),
		suites:  recommendedSuites,
	},
	FAPI1Advanced: {
		rules:   advancedRules,
		server:  slices.Concat(metadataServer, advancedServer),
		client:  slices.Concat(metadataClient, advancedClient),
		request: slices.Concat(oauthRequest, advancedRequest),
		keySet:  slices.Concat(anyKeySet, advancedKeySet),
		key:     slices.Concat(anyKey, advancedKey),
		suites:  advancedSuites,
	},
}

func (p Profile) tables() (tables, error) {
	t, ok := profiles[p]
	if !ok {
		return tables{}, fmt.Errorf("fapi: %w", ErrProfile)
	}
	return t, nil
}
