package gcctl

import (
	"fmt"
	"io"
	"strings"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/doctor"
)

func summary(r doctor.Report) string {
	switch {
	case r.Failed == 0 && r.Warnings == 0:
		return "all is well"
	case r.Failed == 0:
		return "nothing fails; " + count(r.Warnings, "warning")
	case r.Warnings == 0:
		return count(r.Failed, "failure")
	}
	return count(r.Failed, "failure") + ", " + count(r.Warnings, "warning")
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// findingPrinter prints findings as they come, and on a terminal also what is being waited for, in a line that vanishes.
type findingPrinter struct {
	out, err io.Writer
	palette  palette
	group    string
	skipped  []string // checks that nothing was said about yet
	drawn    bool
}

func (p *findingPrinter) waiting(c doctor.Check) {
	if isTerminal(p.err) {
		fmt.Fprintf(p.err, "checking %s …", c.Name)
		p.drawn = true
	}
}

// tellSkipped names the checks of a group that were skipped, in one line.
func (p *findingPrinter) tellSkipped() {
	if len(p.skipped) > 0 {
		p.line(doctor.Skipped, "not checked: "+strings.Join(p.skipped, ", "))
		p.skipped = nil
	}
}

// marks are the first thing of a line.
var marks = map[doctor.Status]cell{
	doctor.OK: {"✓", paintGood}, doctor.Warning: {"!", paintBusy}, doctor.Failed: {"✗", paintBad}, doctor.Skipped: {"-", paintFaint},
}

func (p *findingPrinter) found(list []doctor.Finding) {
	if p.drawn {
		fmt.Fprint(p.err, "\r\x1b[K")
		p.drawn = false
	}
	for _, f := range list {
		if f.Group != p.group {
			p.begin(f.Group)
		}
		if f.Status == doctor.Skipped {
			p.skipped = append(p.skipped, f.Check)
			continue
		}
		p.tellSkipped()
		p.line(f.Status, f.Text)
		if f.Hint != "" {
			fmt.Fprintf(p.out, "      hint: %s\n", wire.OneLine(f.Hint))
		}
	}
}

// begin begins a group.
func (p *findingPrinter) begin(group string) {
	p.tellSkipped()
	if p.group != "" {
		fmt.Fprintln(p.out)
	}
	fmt.Fprintln(p.out, group)
	p.group = group
}

func (p *findingPrinter) line(s doctor.Status, text string) {
	mark := marks[s]
	fmt.Fprintf(p.out, "  %s %s\n", p.palette.paint(mark.text, mark.paint), wire.OneLine(text))
}

// end sums up.
func (p *findingPrinter) end(r doctor.Report) error {
	p.tellSkipped()
	_, err := fmt.Fprintf(p.out, "\n%s\n", summary(r))
	return err
}
