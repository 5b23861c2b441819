//go:build linux

package interop_test

import "strings"

func targetRows() []edgeRow {
	rows := []edgeRow{}
	for _, target := range []string{
		"/echo", "/echo/", "/echo/a?x=%2F..", "/echo/%C3%A9", "//echo", "/echo//a", "/echo/./a", "/echo/../accounts", "/accounts/../echo",
		"/echo/%2e%2e/accounts", "/echo/..%2Faccounts", "/echo%2Fa", "/echo%2fa", "/echo%5Ca", `/echo\a`, "/echo/%00", "/echo;a=1", "/echo/a;b",
		"/echo/%61", "/echo/%c3%a9", "/echo/50%25", "/echo/a%3Bb", "/echo/%252e%252e/a", "/echo/%252Fa",
		"/echo/%C0%AE%C0%AE/a", "/echo/a%C0%AFb", "/echo/%FF", "/echo/%", "/echo/%zz", "/echo?a;b", "/echo?%", "/echo#a", "*", "echo",
		"https://" + siteName + "/echo", "http://" + siteName + "/echo", "https://evil.example/echo", "https://user@" + siteName + "/echo",
	} {
		rows = append(rows, edgeRow{name: target, text: edgeRequest(target, "")})
	}
	return rows
}

func hostRows() []edgeRow {
	rest := "Authorization: Bearer TOKEN\r\nConnection: close\r\n\r\n"
	start := "GET /echo HTTP/1.1\r\n"
	return []edgeRow{
		{name: "one", text: start + "Host: " + siteName + "\r\n" + rest},
		{name: "in capitals", text: start + "Host: API.Bank.Example\r\n" + rest},
		{name: "with port", text: start + "Host: " + siteName + ":443\r\n" + rest},
		{name: "with another port", text: start + "Host: " + siteName + ":8080\r\n" + rest},
		{name: "none", text: start + rest},
		{name: "empty", text: start + "Host:\r\n" + rest},
		{name: "foreign", text: start + "Host: evil.example\r\n" + rest},
		{name: "two", text: start + "Host: " + siteName + "\r\nHost: " + siteName + "\r\n" + rest},
		{name: "two, one foreign", text: start + "Host: evil.example\r\nHost: " + siteName + "\r\n" + rest},
		{name: "with user", text: start + "Host: a@" + siteName + "\r\n" + rest},
		{name: "HTTP/1.0 without", text: "GET /echo HTTP/1.0\r\n" + rest},
		{name: "X-Forwarded-Host", text: start + "Host: evil.example\r\nX-Forwarded-Host: " + siteName + "\r\n" + rest},
	}
}

func hopRows(field string) []edgeRow {
	rows := []edgeRow{}
	for _, names := range []string{
		"FIELD", "Client-Cert", "Authorization", "Phantom-Evidence", "X-Forwarded-For", "close, FIELD", "Host", "DPoP", "Connection",
	} {
		rows = append(rows, edgeRow{
			name: "Connection: " + names,
			text: "GET /echo HTTP/1.1\r\nHost: " + siteName + "\r\nAuthorization: Bearer TOKEN\r\nConnection: close, " +
				strings.ReplaceAll(names, "FIELD", field) + "\r\n\r\n",
		})
	}
	return append(rows,
		edgeRow{name: "Upgrade: h2c", text: edgeRequest("/echo", "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nConnection: Upgrade, HTTP2-Settings\r\n")},
		edgeRow{name: "Upgrade: websocket", text: edgeRequest("/echo", "Upgrade: websocket\r\nConnection: Upgrade\r\n")},
		edgeRow{name: "delete", text: strings.Replace(edgeRequest("/echo", ""), "GET", "delete", 1)},
		edgeRow{name: "TRACE", text: strings.Replace(edgeRequest("/echo", ""), "GET", "TRACE", 1)},
		edgeRow{name: "CONNECT", text: strings.Replace(edgeRequest(siteName+":443", ""), "GET", "CONNECT", 1)},
		edgeRow{name: "Proxy-Authorization", text: edgeRequest("/echo", "Proxy-Authorization: Basic "+edgeMarker+"\r\n")},
		edgeRow{name: "TE: trailers", text: edgeRequest("/echo", "TE: trailers\r\n")},
		edgeRow{name: "Expect", text: edgeRequest("/echo", "Expect: 100-continue-"+edgeMarker+"\r\n")},
	)
}

func sizeRows() []edgeRow {
	return []edgeRow{
		{name: "8 KiB", text: edgeRequest("/echo", "X-A: "+strings.Repeat("a", 8<<10)+"\r\n")},
		{name: "17 KiB", text: edgeRequest("/echo", "X-A: "+strings.Repeat("a", 17<<10)+"\r\n")},
		{name: "17 KiB in 17 fields", text: edgeRequest("/echo", strings.Repeat("X-A: "+strings.Repeat("a", 1<<10)+"\r\n", 17))},
		{name: "40 KiB", text: edgeRequest("/echo", "X-A: "+strings.Repeat("a", 40<<10)+"\r\n")},
		{name: "target of 17 KiB", text: edgeRequest("/echo?"+strings.Repeat("a", 17<<10), "")},
		{name: "token and 5 KiB", text: strings.ReplaceAll(edgeRequest("/echo", ""), "TOKEN", "TOKEN"+strings.Repeat("a", 5<<10))},
		{name: "token and 16 KiB", text: strings.ReplaceAll(edgeRequest("/echo", ""), "TOKEN", "TOKEN"+strings.Repeat("a", 16<<10))},
		{name: "2,000 fields", text: edgeRequest("/echo", strings.Repeat("A: b\r\n", 2000))},
	}
}

func authorizationRows() []edgeRow {
	with := func(lines string) string {
		return "GET /echo HTTP/1.1\r\nHost: " + siteName + "\r\n" + lines + "\r\nConnection: close\r\n\r\n"
	}
	rows := []edgeRow{}
	for _, lines := range []string{
		"Authorization: Bearer TOKEN", "authorization: bearer TOKEN", "Authorization:Bearer TOKEN", "Authorization: Bearer TOKEN ",
		"Authorization: Bearer  TOKEN", "Authorization: Bearer\tTOKEN", "Authorization: Bearer TOKEN,TOKEN", "Authorization: Bearer TOKEN TOKEN",
		"Authorization: Bearer", "Authorization: BearerTOKEN", "Authorization: TOKEN", "Authorization: Basic TOKEN", "Authorization: DPoP TOKEN",
		"Authorization: Bearer \"TOKEN\"", "Authorization: Bearer TOKEN\xc3\xa9", "Authorization: Bearer TOKEN\x00", "Authorization : Bearer TOKEN",
		"Authorization: Bearer\r\n TOKEN", "Authorization: Bearer TOKEN\r\nAuthorization: Bearer TOKEN",
		"Authorization: Bearer TOKEN\r\nAuthorization: Basic x", "Authorization: Basic x\r\nAuthorization: Bearer TOKEN", "X-A: b",
		"Authorization: Bearer a.b.c", "Authorization: Bearer TOKEN.a.b",
	} {
		rows = append(rows, edgeRow{name: lines, text: with(lines)})
	}
	return append(rows,
		edgeRow{name: "in the query", text: strings.Replace(with("X-A: b"), "/echo", "/echo?access_token=TOKEN", 1)},
		edgeRow{name: "also in the query", text: edgeRequest("/echo?access_token=TOKEN", "")},
	)
}
