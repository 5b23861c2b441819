package safehttp

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Response is the answer to a fetch: a body within the limits that came with
// status 200.
type Response struct {
	Body []byte

	// ContentType is the media type in lower case without its parameters, empty
	// when the server sent none that can be read.
	ContentType string

	// MaxAge is how long the server allows the document to be reused (RFC 9111),
	// at most 24 h and 0 for not at all.
	MaxAge time.Duration

	// MaxAgeStated is false when the server says nothing about reuse: MaxAge is
	// then 0 and the caller's own default applies.
	MaxAgeStated bool
}

func checkHeader(answer *http.Response, contentType string, mediaTypes []string) error {
	status := fmt.Sprintf("status %d", answer.StatusCode)
	switch {
	case answer.StatusCode >= 300 && answer.StatusCode <= 399:
		return refuse(ErrRedirect, status)
	case answer.StatusCode != http.StatusOK:
		return refuse(ErrStatus, status)
	}
	for _, coding := range answer.Header.Values("Content-Encoding") {
		if !strings.EqualFold(coding, "identity") {
			return refuse(ErrEncoding, fmt.Sprintf("content-encoding %.100q", coding))
		}
	}
	if len(mediaTypes) > 0 && !slices.Contains(mediaTypes, contentType) {
		return refuse(ErrContentType, fmt.Sprintf("content-type %.100q", contentType))
	}
	return nil
}

// mediaType returns what the header says when it says it once and legibly.
func mediaType(h http.Header) string {
	values := h.Values("Content-Type")
	if len(values) != 1 {
		return ""
	}
	name, _, err := mime.ParseMediaType(values[0])
	if err != nil {
		return ""
	}
	return name
}

func readBody(answer *http.Response, limit int64) ([]byte, error) {
	if answer.ContentLength > limit {
		return nil, refuse(ErrSize, fmt.Sprintf("content-length %d", answer.ContentLength))
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > limit {
		return nil, refuse(ErrSize, fmt.Sprintf("more than %d bytes", limit))
	}
	return body, nil
}
