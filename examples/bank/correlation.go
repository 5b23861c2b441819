package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// minWord is from how many characters on a word can name one of many people.
const minWord = 8

// words are what could identify somebody in what a party received: runs of letters,
// digits, hyphens and underscores, those within JWTs and escapes included.
func words(data []byte) map[string]bool {
	found := map[string]bool{}
	for _, text := range [][]byte{data, unescaped(data)} {
		addWords(found, text)
	}
	return found
}

func addWords(found map[string]bool, text []byte) {
	for _, word := range strings.FieldsFunc(string(text), func(r rune) bool { return !isWordRune(r) }) {
		if len(word) < minWord {
			continue
		}
		found[word] = true
		if object := decoded(word); object != nil {
			addWords(found, object)
		}
	}
}

func isWordRune(r rune) bool {
	return r == '-' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}

// decoded is the JSON object that a word is in base64url, or nil.
func decoded(word string) []byte {
	object, err := base64.RawURLEncoding.DecodeString(word)
	if err != nil || !bytes.HasPrefix(object, []byte("{")) {
		return nil
	}
	return object
}

var escape = regexp.MustCompile("%[0-9A-Fa-f]{2}")

// unescaped resolves the escapes of URLs and forms, wherever they stand.
func unescaped(data []byte) []byte {
	return escape.ReplaceAllFunc(data, func(written []byte) []byte {
		octet, err := hex.DecodeString(string(written[1:]))
		if err != nil {
			panic(err) // two hex digits
		}
		return octet
	})
}

// identifiers are the words that a party has for one of its users and not for the
// other. What it has for both is no name of either.
func identifiers(received, ofAnother []byte) map[string]bool {
	found := words(received)
	for word := range words(ofAnother) {
		delete(found, word)
	}
	for word := range found {
		if isInstant(word) {
			delete(found, word)
		}
	}
	return found
}

// isInstant: that two logins happened in the same second makes nobody the same user,
// though who logs in at two parties at once tells them something.
func isInstant(word string) bool {
	seconds, err := strconv.ParseInt(word, 10, 64)
	return err == nil && time.Since(time.Unix(seconds, 0)).Abs() < 24*time.Hour
}

// common are the identifiers that two parties both have, for them to find out that
// they have the same user.
func common(a, b map[string]bool) (shared []string) {
	for word := range a {
		if b[word] {
			shared = append(shared, word)
		}
	}
	slices.Sort(shared)
	return shared
}

// holds says that a name stands somewhere in what was received, in any case, also
// within JWTs, or as base64, hex or a hash of it.
func holds(received []byte, name string) bool {
	text := bytes.Clone(received)
	for word := range words(received) {
		text = append(append(text, ' '), decoded(word)...)
	}
	text = append(append(text, ' '), unescaped(received)...)
	if bytes.Contains(bytes.ToLower(text), []byte(strings.ToLower(name))) {
		return true
	}
	hash := sha256.Sum256([]byte(name))
	for _, form := range [][]byte{[]byte(name), hash[:]} {
		for _, written := range []string{
			base64.RawStdEncoding.EncodeToString(form), base64.RawURLEncoding.EncodeToString(form), hex.EncodeToString(form),
		} {
			if bytes.Contains(text, []byte(written)) {
				return true
			}
		}
	}
	return false
}
