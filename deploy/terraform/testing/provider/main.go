// A stand-in for the AWS provider, for tests without it: it knows the schema of the types that the
// modules use and refuses arguments that can't be right. It creates nothing; an apply ends with made-up
// ids (create.go).
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"log"
	"math/big"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// What schema.mjs wrote.
//
//go:embed schema.json
var schemaText []byte

// Values that AWS accepts, by type and path of the argument. The schema does not have them.
//
//go:embed values.json
var valuesText []byte

type attribute struct {
	Name, Kind                   string
	Required, Optional, Computed bool
}

// writeOnly returns whether the state never holds the argument. The schema has only its name for that.
func (a attribute) writeOnly() bool { return a.Optional && strings.HasSuffix(a.Name, "_wo") }

type block struct {
	Name       string
	Set        bool
	Min, Max   int64
	Attributes []attribute
	Blocks     []block
}

var schema struct{ Resources, Data map[string]block }

// Accepted values; numbers are a lowest and a highest one.
var values map[string]struct {
	Text   []string
	Number []float64
}

func kindOf(name string) tftypes.Type {
	switch name {
	case "string":
		return tftypes.String
	case "number":
		return tftypes.Number
	case "boolean":
		return tftypes.Bool
	case "stringList", "numberList":
		return tftypes.List{ElementType: tftypes.String}
	case "stringSet":
		return tftypes.Set{ElementType: tftypes.String}
	case "numberSet":
		return tftypes.Set{ElementType: tftypes.Number}
	case "stringMap":
		return tftypes.Map{ElementType: tftypes.String}
	}
	return tftypes.DynamicPseudoType
}

func (b block) schema() *tfprotov6.SchemaBlock {
	made := &tfprotov6.SchemaBlock{}
	for _, one := range b.Attributes {
		made.Attributes = append(made.Attributes, &tfprotov6.SchemaAttribute{
			Name: one.Name, Type: kindOf(one.Kind), Required: one.Required, Optional: one.Optional, Computed: one.Computed, WriteOnly: one.writeOnly(),
		})
	}
	for _, one := range b.Blocks {
		nesting := tfprotov6.SchemaNestedBlockNestingModeList
		if one.Set {
			nesting = tfprotov6.SchemaNestedBlockNestingModeSet
		}
		made.BlockTypes = append(made.BlockTypes, &tfprotov6.SchemaNestedBlock{
			TypeName: one.Name, Block: one.schema(), Nesting: nesting, MinItems: one.Min, MaxItems: one.Max,
		})
	}
	return made
}

// Arguments that hold a JSON document.
var documents = []string{"assume_role_policy", "body", "policy", "redrive_policy", "redrive_allow_policy"}

// check returns what is wrong with the known values of an argument and of those below it.
func check(path string, value tftypes.Value) (problems []string) {
	if !value.IsKnown() || value.IsNull() {
		return nil
	}
	kind := value.Type()
	switch {
	case kind.Is(tftypes.String):
		var text string
		if value.As(&text) != nil {
			return nil
		}
		name := path[strings.LastIndex(path, ".")+1:]
		if slices.Contains(documents, name) && !json.Valid([]byte(text)) {
			problems = append(problems, fmt.Sprintf("%s is no JSON", path))
		}
		if accepted := values[path].Text; accepted != nil && !slices.Contains(accepted, text) {
			problems = append(problems, fmt.Sprintf("%s is %q and must be one of: %s", path, text, strings.Join(accepted, ", ")))
		}
	case kind.Is(tftypes.Number):
		number := new(big.Float)
		if value.As(&number) != nil {
			return nil
		}
		if bounds := values[path].Number; bounds != nil {
			if given, _ := number.Float64(); given < bounds[0] || given > bounds[1] {
				problems = append(problems, fmt.Sprintf("%s is %v and must be from %v to %v", path, given, bounds[0], bounds[1]))
			}
		}
	case kind.Is(tftypes.Object{}):
		var members map[string]tftypes.Value
		if value.As(&members) == nil {
			for name, member := range members {
				problems = append(problems, check(path+"."+name, member)...)
			}
		}
	case kind.Is(tftypes.List{}), kind.Is(tftypes.Set{}):
		var members []tftypes.Value
		if value.As(&members) == nil {
			for _, member := range members {
				problems = append(problems, check(path, member)...)
			}
		}
	}
	return problems
}

type provider struct{ tfprotov6.ProviderServer }

func (provider) GetMetadata(context.Context, *tfprotov6.GetMetadataRequest) (*tfprotov6.GetMetadataResponse, error) {
	return &tfprotov6.GetMetadataResponse{ServerCapabilities: &tfprotov6.ServerCapabilities{}}, nil
}

func (provider) GetResourceIdentitySchemas(context.Context, *tfprotov6.GetResourceIdentitySchemasRequest) (*tfprotov6.GetResourceIdentitySchemasResponse, error) {
	return &tfprotov6.GetResourceIdentitySchemasResponse{}, nil
}

func (provider) GetProviderSchema(context.Context, *tfprotov6.GetProviderSchemaRequest) (*tfprotov6.GetProviderSchemaResponse, error) {
	settings := block{
		Attributes: []attribute{{Name: "region", Kind: "string", Optional: true}},
		Blocks:     []block{{Name: "default_tags", Max: 1, Attributes: []attribute{{Name: "tags", Kind: "stringMap", Optional: true}}}},
	}
	made := &tfprotov6.GetProviderSchemaResponse{
		ServerCapabilities: &tfprotov6.ServerCapabilities{},
		Provider:           &tfprotov6.Schema{Block: settings.schema()},
		ResourceSchemas:    map[string]*tfprotov6.Schema{},
		DataSourceSchemas:  map[string]*tfprotov6.Schema{},
	}
	for name, one := range schema.Resources {
		made.ResourceSchemas[name] = &tfprotov6.Schema{Block: one.schema()}
	}
	for name, one := range schema.Data {
		made.DataSourceSchemas[name] = &tfprotov6.Schema{Block: one.schema()}
	}
	return made, nil
}

func (provider) ValidateProviderConfig(_ context.Context, request *tfprotov6.ValidateProviderConfigRequest) (*tfprotov6.ValidateProviderConfigResponse, error) {
	return &tfprotov6.ValidateProviderConfigResponse{PreparedConfig: request.Config}, nil
}

func (provider) ValidateResourceConfig(_ context.Context, request *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	answer := &tfprotov6.ValidateResourceConfigResponse{}
	kind := schema.Resources[request.TypeName].schema().ValueType()
	given, err := request.Config.Unmarshal(kind)
	if err != nil {
		return nil, err
	}
	problems := check(request.TypeName, given)
	slices.Sort(problems)
	for _, problem := range problems {
		answer.Diagnostics = append(answer.Diagnostics, &tfprotov6.Diagnostic{
			Severity: tfprotov6.DiagnosticSeverityError, Summary: "AWS does not accept this", Detail: problem,
		})
	}
	return answer, nil
}

// Returns a state as it is: there is one version of each schema.
func (provider) UpgradeResourceState(_ context.Context, request *tfprotov6.UpgradeResourceStateRequest) (*tfprotov6.UpgradeResourceStateResponse, error) {
	kind := schema.Resources[request.TypeName].schema().ValueType()
	state, err := request.RawState.Unmarshal(kind)
	if err != nil {
		return nil, err
	}
	upgraded, err := tfprotov6.NewDynamicValue(kind, state)
	return &tfprotov6.UpgradeResourceStateResponse{UpgradedState: &upgraded}, err
}

func (provider) ValidateDataResourceConfig(context.Context, *tfprotov6.ValidateDataResourceConfigRequest) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	return &tfprotov6.ValidateDataResourceConfigResponse{}, nil
}

func (provider) ConfigureProvider(context.Context, *tfprotov6.ConfigureProviderRequest) (*tfprotov6.ConfigureProviderResponse, error) {
	return &tfprotov6.ConfigureProviderResponse{}, nil
}

func (provider) StopProvider(context.Context, *tfprotov6.StopProviderRequest) (*tfprotov6.StopProviderResponse, error) {
	return &tfprotov6.StopProviderResponse{}, nil
}

func main() {
	if err := json.Unmarshal(schemaText, &schema); err != nil {
		log.Fatal(err)
	}
	if err := json.Unmarshal(valuesText, &values); err != nil {
		log.Fatal(err)
	}
	serve := func() tfprotov6.ProviderServer { return provider{} }
	if err := tf6server.Serve("registry.terraform.io/hashicorp/aws", serve); err != nil {
		log.Fatal(err)
	}
}
