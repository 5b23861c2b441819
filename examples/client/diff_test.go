package client_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// context is how many unchanged lines surround a change.
const context = 3

// line is a line of a comparison: kept (' '), removed ('-') or added ('+').
type line struct {
	kind byte
	text string
}

// compare finds a shortest way from one text to another, by the longest common
// subsequence of their lines.
func compare(from, to []string) (lines []line) {
	length := make([][]int, len(from)+1) // of what from[i:] and to[j:] have in common
	for i := range length {
		length[i] = make([]int, len(to)+1)
	}
	for i := len(from) - 1; i >= 0; i-- {
		for j := len(to) - 1; j >= 0; j-- {
			length[i][j] = max(length[i+1][j], length[i][j+1])
			if from[i] == to[j] {
				length[i][j] = length[i+1][j+1] + 1
			}
		}
	}
	i, j := 0, 0
	for i < len(from) || j < len(to) {
		switch {
		case i < len(from) && j < len(to) && from[i] == to[j]:
			lines = append(lines, line{' ', from[i]})
			i, j = i+1, j+1
		case i < len(from) && (j == len(to) || length[i+1][j] >= length[i][j+1]):
			lines = append(lines, line{'-', from[i]})
			i++
		default:
			lines = append(lines, line{'+', to[j]})
			j++
		}
	}
	return lines
}

// count is how many lines are of a kind.
func count(lines []line, kind byte) (n int) {
	for _, l := range lines {
		if l.kind == kind {
			n++
		}
	}
	return n
}

// unified writes a comparison in the format of diff -u.
func unified(fromName, toName string, lines []line) string {
	var out strings.Builder
	fmt.Fprintf(&out, "--- %s\n+++ %s\n", fromName, toName)
	for _, hunk := range hunks(lines) {
		before, now := lines[:hunk[0]], lines[hunk[0]:hunk[1]]
		kept, removed, added := count(now, ' '), count(now, '-'), count(now, '+')
		earlier := count(before, ' ')
		fmt.Fprintf(&out, "@@ -%d,%d +%d,%d @@\n",
			earlier+count(before, '-')+1, kept+removed, earlier+count(before, '+')+1, kept+added)
		for _, l := range now {
			fmt.Fprintf(&out, "%c%s\n", l.kind, l.text)
		}
	}
	return out.String()
}

// hunks are the ranges of lines with a change nearby.
func hunks(lines []line) (ranges [][2]int) {
	for i, l := range lines {
		if l.kind == ' ' {
			continue
		}
		start, end := max(0, i-context), min(len(lines), i+context+1)
		if last := len(ranges) - 1; last >= 0 && start <= ranges[last][1] {
			ranges[last][1] = end
		} else {
			ranges = append(ranges, [2]int{start, end})
		}
	}
	return ranges
}

func TestUnified(t *testing.T) {
	t.Parallel()
	split := func(text string) []string { return strings.Split(text, " ") }
	lines := compare(split("a b c d e f g h i j k l"), split("a b c D e f g h i j k l m"))
	require.Equal(t, `--- old
+++ new
@@ -1,7 +1,7 @@
 a
 b
 c
-d
+D
 e
 f
 g
@@ -10,3 +10,4 @@
 j
 k
 l
+m
`, unified("old", "new", lines))
	require.Equal(t, "--- x\n+++ y\n", unified("x", "y", compare(split("a b"), split("a b"))))
}
