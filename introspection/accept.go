package introspection

import (
	"mime"
	"net/http"
	"slices"
	"strings"
)

const (
	maxAcceptBytes  = 1024
	maxAcceptRanges = 16
)

// negotiate returns the media type to answer with (RFC 9110 section 12.5.1), or ""
// if there is none. offered is in the order that decides between equal weights. A
// JWT has to be asked for by its name: wildcards, and requests without Accept, mean
// the standard type.
func negotiate(h http.Header, offered []string, standard string) string {
	lines := h.Values("Accept")
	ranges, ok := parseAccept(strings.Join(lines, ","))
	if !ok {
		return ""
	}
	if len(ranges) == 0 {
		return standard
	}
	best, weight := "", 0
	for _, mediaType := range offered {
		if w := weightOf(ranges, mediaType, mediaType == standard); w > weight {
			best, weight = mediaType, w
		}
	}
	return best
}

// mediaRange is an element of Accept; weight is its q in thousandths.
type mediaRange struct {
	name   string
	weight int
}

// weightOf lets the most specific range decide, also if it decides for 0.
func weightOf(ranges []mediaRange, mediaType string, wildcards bool) int {
	names := []string{mediaType}
	if wildcards {
		names = append(names, "application/*", "*/*")
	}
	for _, name := range names {
		if i := slices.IndexFunc(ranges, func(r mediaRange) bool { return r.name == name }); i >= 0 {
			return ranges[i].weight
		}
	}
	return 0
}

// parseAccept refuses what is too long, says two things about one range, or may be an
// unreadable request for a JWT: a guess could choose between a signed answer and none.
// Other ranges that cannot be read, such as the "*" of old Java, count as ranges that
// nothing here is in. So do those with a parameter, which are of a variant nobody
// here has.
func parseAccept(text string) (ranges []mediaRange, ok bool) {
	if len(text) > maxAcceptBytes {
		return nil, false
	}
	for element := range elements(text) {
		if strings.Trim(element, " \t") == "" {
			continue // RFC 9110 section 5.6.1.2
		}
		r, ok := parseRange(element)
		if !ok && strings.Contains(strings.ToLower(element), "jwt") {
			return nil, false
		}
		if slices.Contains(ranges, r) {
			continue
		}
		repeated := slices.ContainsFunc(ranges, func(other mediaRange) bool { return other.name == r.name })
		if repeated || len(ranges) == maxAcceptRanges {
			return nil, false
		}
		ranges = append(ranges, r)
	}
	return ranges, true
}

// parseRange returns the zero mediaRange for what cannot be read.
func parseRange(element string) (r mediaRange, ok bool) {
	name, params, err := mime.ParseMediaType(element)
	if err != nil || !strings.Contains(name, "/") {
		return r, false
	}
	if r.weight, ok = quality(params); !ok {
		return mediaRange{}, false
	}
	delete(params, "q")
	if strings.EqualFold(params["charset"], "utf-8") {
		delete(params, "charset") // what JSON is in any case
	}
	if len(params) > 0 {
		name = mime.FormatMediaType(name, params)
	}
	r.name = name
	return r, true
}

// quality reads q (RFC 9110 section 12.4.2): 0 to 1 with at most three decimals, and
// ".2", which some clients write for 0.2.
func quality(params map[string]string) (weight int, ok bool) {
	text, stated := params["q"]
	if !stated {
		return 1000, true
	}
	whole, decimals, _ := strings.Cut(text, ".")
	if whole == "" && decimals != "" {
		whole = "0"
	}
	if whole != "0" && whole != "1" || len(decimals) > 3 || strings.Trim(decimals, "0123456789") != "" {
		return 0, false
	}
	for _, digit := range whole + (decimals + "000")[:3] {
		weight = weight*10 + int(digit-'0')
	}
	return weight, weight <= 1000
}
