package gcctl

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// outputFlag is -o. The formats a command knows beside its own table are json and yaml, and those in extra.
type outputFlag struct {
	format string
	extra  []string
}

func (o *outputFlag) register(cmd *cobra.Command, extra ...string) {
	o.extra = extra
	cmd.Flags().StringVarP(&o.format, "output", "o", "", "output format: "+strings.Join(o.formats(), "|"))
	// A flag that was just registered can be given a completion.
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(o.formats(), cobra.ShellCompDirectiveNoFileComp))
}

func (o *outputFlag) formats() []string { return append([]string{"json", "yaml"}, o.extra...) }

func (o *outputFlag) check(cmd *cobra.Command) error {
	if o.format == "" || slices.Contains(o.formats(), o.format) {
		return nil
	}
	return usage(cmd, "unknown output format %q: there are %s", o.format, strings.Join(o.formats(), ", "))
}

// structured says whether write takes the format.
func (o *outputFlag) structured() bool { return o.format == "json" || o.format == "yaml" }

// write prints v as JSON or YAML. In a stream of many, each JSON is one line, and each YAML a document.
func (o *outputFlag) write(w io.Writer, v any, stream bool) error {
	if o.format == "yaml" {
		text, err := yaml.Marshal(v)
		if err != nil {
			return fmt.Errorf("write yaml: %w", err)
		}
		if stream {
			text = append([]byte("---\n"), text...)
		}
		_, err = w.Write(text)
		return err
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if !stream {
		e.SetIndent("", "  ")
	}
	return e.Encode(v)
}
