package plan

import (
	"encoding/json"
	"fmt"
)

// FormatVersion is the version of the plan file that Write writes. Read takes
// the same major version and refuses unknown members: an ignored one may be a
// lost restriction.
const FormatVersion = "1.0"

// Limits of a plan file, far above what this tool writes: of one line, of the
// whole text, and of its hosts.
const (
	maxRecord  = 8 << 20
	maxText    = 2 << 30
	maxHosts   = 1_000_000
	maxChanges = 1000 // of one host
)

// A FileError says that a file is not a plan that this program can apply.
type FileError struct {
	Line   int // of the plan file; 0 when none is to blame
	Reason string
}

func (e *FileError) Error() string {
	if e.Line == 0 {
		return e.Reason
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Reason)
}

// The records of a plan file, one JSON object a line: a header, for each host
// one host record and its changes, and a trailer. Contents may stand before a
// host (see blobRecord).
type (
	headerRecord struct {
		Record        string                    `json:"record"`
		FormatVersion string                    `json:"format_version"`
		Tool          Tool                      `json:"tool"`
		CreatedAt     string                    `json:"created_at,omitempty"`
		ValidUntil    string                    `json:"valid_until,omitempty"`
		Mode          Mode                      `json:"mode"`
		Config        configRecord              `json:"config"`
		Inventory     inventoryRecord           `json:"inventory"`
		Variables     map[string]variableRecord `json:"variables"`
		Options       optionsRecord             `json:"options"`
		Rollout       rolloutRecord             `json:"rollout"`
		Part          *partRecord               `json:"part,omitempty"`
	}
	partRecord struct {
		Index    int                 `json:"index"`
		Total    int                 `json:"total"`
		Rollouts []partRolloutRecord `json:"rollouts"`
		Pending  []string            `json:"pending,omitempty"`
	}
	partRolloutRecord struct {
		Name      string           `json:"name"`
		SpreadBy  string           `json:"spread_by,omitempty"`
		OnFailure string           `json:"on_failure,omitempty"`
		Waves     []partWaveRecord `json:"waves"`
	}
	partWaveRecord struct {
		Name               string   `json:"name"`
		Hosts              []string `json:"hosts,omitempty"`
		Percent            float64  `json:"percent,omitempty"`
		Parallelism        int      `json:"parallelism,omitempty"`
		MaxFailures        int      `json:"max_failures,omitempty"`
		MaxFailuresPercent float64  `json:"max_failures_percent,omitempty"`
		Strict             bool     `json:"strict,omitempty"`
		SoakSeconds        float64  `json:"soak_seconds,omitempty"`
		Window             string   `json:"window,omitempty"`
	}
	configRecord struct {
		Digest Digest             `json:"digest"`
		Files  []configFileRecord `json:"files"`
		Source *sourceRecord      `json:"source,omitempty"`
	}
	configFileRecord struct {
		Path   string `json:"path"`
		SHA256 Digest `json:"sha256"`
	}
	sourceRecord struct {
		VCSCommit string `json:"vcs_commit"`
		ToldBy    string `json:"told_by"`
		Dirty     *bool  `json:"dirty,omitempty"` // nil where nobody compared
	}
	inventoryRecord struct {
		Digest  Digest                  `json:"digest"`
		Hosts   int                     `json:"hosts"`
		Sources []inventorySourceRecord `json:"sources"`
	}
	inventorySourceRecord struct {
		Type   string `json:"type"`
		Name   string `json:"name"`
		SHA256 string `json:"sha256"`
		Hosts  int    `json:"hosts"`
		// FetchedAt takes no part in the ID.
		FetchedAt string `json:"fetched_at,omitempty"`
	}
	variableRecord struct {
		Value     json.RawMessage `json:"value,omitempty"`
		Sensitive bool            `json:"sensitive,omitempty"`
		Ephemeral bool            `json:"ephemeral,omitempty"`
	}
	optionsRecord struct {
		Targets          []string `json:"targets,omitempty"`
		Excludes         []string `json:"excludes,omitempty"`
		AllowUnreachable string   `json:"allow_unreachable,omitempty"`
		ShardBy          string   `json:"shard_by,omitempty"`
	}
	rolloutRecord struct {
		Waves     []waveRecord `json:"waves"`
		OnFailure string       `json:"on_failure"`
		SpreadBy  string       `json:"spread_by,omitempty"`
	}
	waveRecord struct {
		Name               string  `json:"name"`
		Hosts              int     `json:"hosts"`
		Parallelism        int     `json:"parallelism"`
		MaxFailures        int     `json:"max_failures"`
		MaxFailuresPercent float64 `json:"max_failures_percent,omitempty"`
		Strict             bool    `json:"strict,omitempty"`
		SoakSeconds        float64 `json:"soak_seconds,omitempty"`
		Window             string  `json:"window,omitempty"`
		OnFailure          string  `json:"on_failure"`
	}
	hostRecord struct {
		Record     string           `json:"record"`
		Host       string           `json:"host"`
		Wave       string           `json:"wave,omitempty"`
		Turn       int              `json:"turn"`
		ShardKey   string           `json:"shard_key"`
		Group      string           `json:"group,omitempty"`
		Connection connectionRecord `json:"connection"`
		Run        runRecord        `json:"run"`
		Files      []FileEdit       `json:"files"`
		DependsOn  []Dependency     `json:"depends_on"`
		Facts      factsRecord      `json:"facts"`
		Place      *Place           `json:"place,omitempty"`
	}
	connectionRecord struct {
		Type            string   `json:"type"`
		Address         string   `json:"address,omitempty"`
		Port            int      `json:"port,omitempty"`
		User            string   `json:"user,omitempty"`
		Jump            []Hop    `json:"jump,omitempty"`
		HostKey         string   `json:"host_key,omitempty"`
		HostKeyAlias    string   `json:"host_key_alias,omitempty"`
		Become          string   `json:"become,omitempty"`
		IdentityFile    string   `json:"identity_file,omitempty"`
		CertificateFile string   `json:"certificate_file,omitempty"`
		KnownHostsFile  string   `json:"known_hosts_file,omitempty"`
		HostKeyChecking string   `json:"host_key_checking,omitempty"`
		ConnectTimeout  float64  `json:"connect_timeout,omitempty"`
		Machine         *Machine `json:"machine,omitempty"`
	}
	runRecord struct {
		ConfirmTimeout float64 `json:"confirm_timeout"`
		Probe          bool    `json:"probe,omitempty"`
		Rehearsal      bool    `json:"rehearsal"`
		AllowPending   bool    `json:"allow_pending,omitempty"`
		Backups        int     `json:"backups"`
		Reload         string  `json:"reload"`
	}
	factsRecord struct {
		OpenSSH string          `json:"openssh"`
		OS      string          `json:"os,omitempty"`
		Reload  *reloadRecord   `json:"reload,omitempty"`
		Sshd    *listenerRecord `json:"listener,omitempty"`
	}
	reloadRecord struct {
		Method Way    `json:"method"`
		Unit   string `json:"unit,omitempty"`
	}
	listenerRecord struct {
		Path       string    `json:"path"`
		Args       []string  `json:"args"`
		ConfigFile string    `json:"config_file"`
		Fresh      Freshness `json:"fresh,omitempty"`
	}
	changeRecord struct {
		Record       string                     `json:"record"`
		Address      string                     `json:"address"`
		Block        string                     `json:"block"`
		Name         string                     `json:"name"`
		Key          *string                    `json:"key,omitempty"`
		Host         string                     `json:"host"`
		Actions      []Action                   `json:"actions"`
		File         string                     `json:"file"`
		Match        string                     `json:"match,omitempty"`
		HostPattern  string                     `json:"host_pattern,omitempty"`
		Before       map[string]json.RawMessage `json:"before"`
		After        map[string]json.RawMessage `json:"after"`
		BeforeSource map[string]Source          `json:"before_source"`
		AfterSource  map[string]Source          `json:"after_source"`
		Reasons      map[string]string          `json:"reasons,omitempty"`
		Beside       map[string]besideRecord    `json:"beside,omitempty"`
		Notes        []string                   `json:"notes,omitempty"`
		Effective    []expectationRecord        `json:"effective,omitempty"`
	}
	besideRecord struct {
		Before json.RawMessage `json:"before"`
		After  json.RawMessage `json:"after"`
	}
	expectationRecord struct {
		Login  loginRecord                `json:"login"`
		Values map[string]json.RawMessage `json:"values"`
	}
	loginRecord struct {
		User    string `json:"user,omitempty"`
		Host    string `json:"host,omitempty"`
		Addr    string `json:"addr,omitempty"`
		LAddr   string `json:"laddr,omitempty"`
		LPort   int    `json:"lport,omitempty"`
		RDomain string `json:"rdomain,omitempty"`
		Group   string `json:"group,omitempty"`
		Client  bool   `json:"client,omitempty"`
		File    string `json:"file"`
	}
	trailerRecord struct {
		Record      string              `json:"record"`
		Hosts       int                 `json:"hosts"`
		Changes     int                 `json:"changes"`
		PlanID      string              `json:"plan_id"`
		Complete    bool                `json:"complete"`
		Errored     bool                `json:"errored"`
		Unreachable []unreachableRecord `json:"unreachable"`
		Checks      []Check             `json:"checks,omitempty"`
		Outputs     []outputRecord      `json:"outputs,omitempty"`
		Drift       []driftRecord       `json:"drift,omitempty"`
		// SHA256 is over all bytes before the trailer's line.
		SHA256 string `json:"sha256"`
	}
	outputRecord struct {
		Name      string          `json:"name"`
		Sensitive bool            `json:"sensitive,omitempty"`
		Type      json.RawMessage `json:"type,omitempty"`
		Value     json.RawMessage `json:"value,omitempty"`
	}
	driftRecord struct {
		Address  string                     `json:"address"`
		Run      string                     `json:"run"`
		Recorded map[string]json.RawMessage `json:"recorded"`
	}
	unreachableRecord struct {
		Host      string   `json:"host"`
		Group     string   `json:"group,omitempty"`
		Addresses []string `json:"addresses"`
		Step      string   `json:"step"`
		Error     string   `json:"error"`
	}
)
