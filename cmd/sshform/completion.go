package main

import (
	"github.com/spf13/cobra"
)

func (p *program) completionCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print a completion script for a shell",
		Long: "Prints a script that completes commands, options and addresses in your shell. " +
			"Load it once to try it:\n\n" +
			"    bash:        source <(sshform completion bash)\n" +
			"    zsh:         source <(sshform completion zsh)\n" +
			"    fish:        sshform completion fish | source\n" +
			"    powershell:  sshform completion powershell | Out-String | Invoke-Expression\n\n" +
			"To keep it, write it to the folder where your shell looks for completions.",
		Args:              atMost(1),
		ValidArgs:         []string{"bash", "zsh", "fish", "powershell"},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		root := c.Root()
		shell := ""
		if len(args) == 1 {
			shell = args[0]
		}
		switch shell {
		case "bash":
			return root.GenBashCompletionV2(p.stdout, true)
		case "zsh":
			return root.GenZshCompletion(p.stdout)
		case "fish":
			return root.GenFishCompletion(p.stdout, true)
		case "powershell":
			return root.GenPowerShellCompletionWithDesc(p.stdout)
		}
		return problem("Unknown shell", "sshform completion needs the name of a shell: bash, zsh, fish or powershell.")
	}
	return c
}
