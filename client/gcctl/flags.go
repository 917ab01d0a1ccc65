package gcctl

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagError says what is wrong with a flag, in fewer words of the library's.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	var bare *pflag.ValueRequiredError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return usage(cmd, "unknown flag %q", "-"+unknown.GetSpecifiedName())
	case errors.As(err, &unknown):
		name := unknown.GetSpecifiedName()
		err := usage(cmd, "unknown flag %q", "--"+name)
		if near := nearest(name, flagNames(cmd)); near != "" {
			return hint(err, "did you mean --%s?", near)
		}
		return err
	case errors.As(err, &invalid):
		flag := invalid.GetFlag()
		return usage(cmd, "--%s %q: give %s", flag.Name, invalid.GetValue(), expected(flag.Value.Type()))
	case errors.As(err, &bare):
		return usage(cmd, "--%s needs a value", bare.GetFlag().Name)
	}
	return usage(cmd, "%w", err)
}

// expected describes the values of a flag of that type.
func expected(kind string) string {
	switch kind {
	case "int":
		return "a number"
	case "uint64":
		return "a number from 0 up"
	case "duration":
		return "a time with its unit, as in 10s"
	case "bool":
		return "true or false"
	}
	return fmt.Sprintf("a %s", kind)
}

// flagNames are the names of the flags that cmd knows.
func flagNames(cmd *cobra.Command) []string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	return names
}

// notNegative refuses a flag whose value is below zero.
func notNegative(cmd *cobra.Command, flag string, negative bool) error {
	if negative {
		return usage(cmd, "--%s %s: it can't be negative", flag, cmd.Flag(flag).Value)
	}
	return nil
}

// freeFlags tells completion that files are no values of these flags, since nothing can be offered for them.
func freeFlags(cmd *cobra.Command, names ...string) {
	for _, name := range names {
		// It fails only for a flag that isn't there.
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions)
	}
}
