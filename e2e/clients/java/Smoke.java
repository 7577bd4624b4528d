import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

import tidegate.ApiClient;
import tidegate.ApiException;
import tidegate.api.FilesApi;
import tidegate.api.ImagesApi;
import tidegate.model.CompletedFile;
import tidegate.model.FileCompletion;
import tidegate.model.FileUploads;
import tidegate.model.FileRequest;
import tidegate.model.FileUploadsRequest;
import tidegate.model.ImageRequest;

/** Uses the client that openapi-generator makes: signs in by a header, uploads a file, lists and reads it. */
class Smoke {
    static void check(boolean holds, Object what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    public static void main(String[] arguments) throws Exception {
        ApiClient client = new ApiClient();
        client.setBasePath(arguments[0]);
        client.addDefaultHeader("X-User-Id", "java");
        FilesApi files = new FilesApi(client);

        FileRequest file = new FileRequest().name("a.txt").size(5L).mime("text/plain");
        FileUploads begun = files.beginFileUploads(new FileUploadsRequest().mode("single").folder("main").files(List.of(file)));
        Path bytes = Files.createTempFile("smoke", ".txt");
        Files.writeString(bytes, "Hello");
        check(files.sendFilePart(begun.getUploadId(), 1, bytes.toFile()).getPartNumber() == 1, "the part");
        Files.delete(bytes);
        CompletedFile done = files.completeFileUpload(new FileCompletion().uploadId(begun.getUploadId()).parts(List.of()));
        check(done.getStatus().equals("READY"), done);
        check(files.listFiles(null, null, null, null, null, null, null, 10L, null).getFiles().get(0).getKey().equals(done.getKey()), "the list");
        check(files.getFileMetadata(done.getKey()).getMime().equals("text/plain"), "the metadata");

        URI link = URI.create(files.signFileLink(done.getKey(), null, null, null, null, 1).getUrl());
        Map<String, String> signed = Arrays.stream(link.getQuery().split("&")).map(pair -> pair.split("=", 2))
                .collect(Collectors.toMap(pair -> pair[0], pair -> pair[1]));
        String key = link.getPath().substring(link.getPath().lastIndexOf('/') + 1);
        Path read = files.readFileLink(key, Long.valueOf(signed.get("exp")), signed.get("sig"), null, null, null,
                null, null, null, null, null, null).toPath();
        check(Files.readString(read).equals("Hello"), "the bytes");
        Files.delete(read);

        try {
            files.getFileMetadata(done.getKey() + "-not");
            throw new AssertionError("no such file");
        } catch (ApiException refused) {
            check(refused.getCode() == 404 && refused.getResponseBody().contains("NOT_FOUND"), refused);
        }
        ImagesApi images = new ImagesApi(client);
        String image = images.createImage(new ImageRequest().name("disk")).getImageId();
        check(images.listImages(null, null, "ALL").getImages().get(0).getImageId().equals(image), "the images");
        System.out.println("the client works");
    }
}
