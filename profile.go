package fapi

// Profile names one of the FAPI profiles. The zero value is none of them.
type Profile string

// The profiles.
const (
	FAPI2Security       Profile = "fapi2-security"        // FAPI 2.0 Security Profile
	FAPI2MessageSigning Profile = "fapi2-message-signing" // FAPI 2.0 Message Signing, on top of it
	FAPI1Advanced       Profile = "fapi1-advanced"        // FAPI 1.0 Advanced, with JARM
)
