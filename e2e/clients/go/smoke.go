// Smoke uses the client that oapi-codegen generates: it signs in by a header, uploads a file, lists and
// reads it.
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"

	"tidegate.example/smoke/tidegate"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func check(holds bool, what ...any) {
	if !holds {
		panic(fmt.Sprintln(what...))
	}
}

func main() {
	ctx := context.Background()
	signIn := func(_ context.Context, request *http.Request) error {
		request.Header.Set("X-User-Id", "go")
		return nil
	}
	client := must(tidegate.NewClientWithResponses(os.Args[1], tidegate.WithRequestEditorFn(signIn)))

	folder, mime := "main", "text/plain"
	begun := must(client.BeginFileUploadsWithResponse(ctx, tidegate.FileUploadsRequest{
		Mode: "single", Folder: &folder,
		Files: []tidegate.FileRequest{{Name: "a.txt", Size: 5, Mime: &mime}},
	}))
	check(begun.JSON200 != nil, string(begun.Body))
	upload := begun.JSON200.UploadId
	sent := must(client.SendFilePartWithBodyWithResponse(ctx, upload, 1, "application/octet-stream", strings.NewReader("Hello")))
	check(sent.JSON200 != nil && sent.JSON200.PartNumber == 1, string(sent.Body))
	done := must(client.CompleteFileUploadWithResponse(ctx, tidegate.FileCompletion{UploadId: upload}))
	check(done.JSON200 != nil && done.JSON200.Status == "READY", string(done.Body))
	key := done.JSON200.Key

	limit := int64(10)
	listed := must(client.ListFilesWithResponse(ctx, &tidegate.ListFilesParams{Limit: &limit}))
	check(listed.JSON200 != nil && len(listed.JSON200.Files) == 1 && listed.JSON200.Files[0].Key == key, string(listed.Body))
	metadata := must(client.GetFileMetadataWithResponse(ctx, key))
	check(metadata.JSON200 != nil && metadata.JSON200.Mime == mime, string(metadata.Body))

	version := int32(1)
	signed := must(client.SignFileLinkWithResponse(ctx, &tidegate.SignFileLinkParams{Key: &key, V: &version}))
	check(signed.JSON200 != nil, string(signed.Body))
	link := must(url.Parse(signed.JSON200.Url))
	exp := must(strconv.ParseInt(link.Query().Get("exp"), 10, 64))
	read := must(client.ReadFileLinkWithResponse(ctx, path.Base(link.Path), &tidegate.ReadFileLinkParams{Exp: exp, Sig: link.Query().Get("sig")}))
	check(string(read.Body) == "Hello", string(read.Body))

	missing := must(client.GetFileMetadataWithResponse(ctx, key+"-not"))
	check(missing.JSON404 != nil && missing.JSON404.Error.Code == "NOT_FOUND", string(missing.Body))
	name, status := "disk", "ALL"
	image := must(client.CreateImageWithResponse(ctx, tidegate.ImageRequest{Name: &name}))
	check(image.JSON200 != nil, string(image.Body))
	images := must(client.ListImagesWithResponse(ctx, &tidegate.ListImagesParams{Status: &status}))
	check(images.JSON200 != nil && images.JSON200.Images[0].ImageId == image.JSON200.ImageId, string(images.Body))
	fmt.Println("the client works")
}
