package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sshform/sshform/cmd/sshform/internal/view"
	"github.com/sshform/sshform/plan"
)

// version is set by the linker for a release: -ldflags "-X main.version=1.2.3".
var version = ""

// thisTool says which program this is. Without a release it is the module's
// version as the go command recorded it.
func thisTool() plan.Tool {
	tool := plan.Tool{Name: "sshform", Version: version}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return withVersion(tool)
	}
	for _, s := range build.Settings {
		if s.Key == "vcs.revision" {
			tool.Commit = s.Value
		}
	}
	if tool.Version == "" && build.Main.Version != "(devel)" && build.Main.Version != "" {
		tool.Version = build.Main.Version[1:]
	}
	return withVersion(tool)
}

func withVersion(t plan.Tool) plan.Tool {
	if t.Version == "" {
		t.Version = "1.0.0-dev"
	}
	return t
}

func (p *program) versionCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "version [options]",
		Short: "Show the version",
		Long:  "Shows the version of sshform and of the formats it writes.",
		Args:  noArguments,
		RunE:  func(*cobra.Command, []string) error { return p.printVersion(asJSON) },
	}
	options(c, "Output", func(fs *pflag.FlagSet) {
		fs.BoolVar(&asJSON, "json", false, "One JSON document.")
	})
	return c
}

func (p *program) printVersion(asJSON bool) error {
	tool := thisTool()
	platform := runtime.GOOS + "_" + runtime.GOARCH
	if !asJSON {
		fmt.Fprintf(p.stdout, "sshform v%s\non %s\n", tool.Version, platform)
		return nil
	}
	document := struct {
		Version  string            `json:"sshform_version"`
		Platform string            `json:"platform"`
		Go       string            `json:"go_version"`
		Formats  map[string]string `json:"format_versions"`
	}{tool.Version, platform, runtime.Version(), view.FormatVersions()}
	encoder := json.NewEncoder(p.stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(document)
}
