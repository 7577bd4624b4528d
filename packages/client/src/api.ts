// Generated from openapi.json by `npm run generate`. Do not edit.

export interface paths {
    "/.well-known/jwks.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the key set
         * @description The public half of the key that this server signs tokens with (RFC 7517).
         */
        get: operations["get_jwks"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/spaces": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List spaces
         * @description Those of which the caller is a member, with how much is in them.
         */
        get: operations["list_spaces"];
        put?: never;
        /**
         * Make a space
         * @description The caller is its owner; a service names one in `X-User-Id`.
         */
        post: operations["create_space"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/spaces/{spaceId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a space
         * @description With the caller's role in it, and how much is in it.
         */
        get: operations["get_space"];
        put?: never;
        post?: never;
        /**
         * Delete a space and all that is in it
         * @description It is gone at once, for good; its bytes follow. URLs that were given before end within `GRANT_TTL_SECONDS`, or as soon
         *     as the bytes are gone.
         */
        delete: operations["delete_space"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/spaces/{spaceId}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What becomes of a space's images, as it comes about
         * @description Server-sent events named `status`, each with a change in JSON: uploads, steps, deletes, restores. With the id of the last
         *     one in `Last-Event-ID`, as browsers send it when they come back, those that came meanwhile are told first, where that is not too long ago: list anew after a longer time.
         */
        get: operations["watch_space"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/spaces/{spaceId}/grant-cookies": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Get the CDN cookies of a space
         * @description Instead of signatures in URLs: they open all that is published of the space, until they end.
         */
        post: operations["grant_space_cookies"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/spaces/{spaceId}/images": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List images
         * @description Newest first. All URLs of a space bear one signature, and are the same as long as its window lasts: asked again before
         *     `refreshAfter`, the answer is the same to the byte where nothing came or went.
         */
        get: operations["list_space_images"];
        put?: never;
        /**
         * Announce an image
         * @description PUT its bytes to `uploadUrl` with `headers`, then confirm it.
         */
        post: operations["create_space_image"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/spaces/{spaceId}/images/import": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Import images that already lie in the bucket
         * @description For services. Each is copied and goes the way of all images; the key that is named is never changed or deleted, and must
         *     lie below one of `IMPORT_PREFIXES`. Imported again, it is another image.
         */
        post: operations["import_space_images"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/spaces/{spaceId}/images/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Get fresh URLs of images
         * @description Up to 1,000 by their ids. What is not in this space, or was deleted, is in `missing`.
         */
        post: operations["refresh_space_images"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/spaces/{spaceId}/images/{imageId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get an image
         * @description With fresh URLs.
         */
        get: operations["get_space_image"];
        put?: never;
        post?: never;
        /**
         * Delete an image
         * @description From here on no URL reads it. It can be brought back until its retention ends.
         */
        delete: operations["delete_space_image"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/spaces/{spaceId}/images/{imageId}/confirm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Confirm an image that was sent
         * @description It is sealed, scanned and processed, and is READY after that. Asked again, this answers the same.
         */
        post: operations["confirm_space_image"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/spaces/{spaceId}/images/{imageId}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What an image became, and when
         * @description From its announcement on, the first change first.
         */
        get: operations["list_space_image_history"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/spaces/{spaceId}/images/{imageId}/link": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Get a link to one image
         * @description It opens that image, or one of its thumbnails, for whoever has it, for as long as was asked for, and nothing else.
         *     It ends earlier only with the image. Links are in the audit log.
         */
        post: operations["link_space_image"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/spaces/{spaceId}/images/{imageId}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Bring a deleted image back
         * @description Until its retention ends. For editors and owners.
         */
        post: operations["restore_space_image"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/spaces/{spaceId}/images/{imageId}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Try again what failed
         * @description Of an image that is FAILED, which is something of the server's; a REJECTED one stays so.
         */
        post: operations["retry_space_image"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/spaces/{spaceId}/images/{imageId}/thaw": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Have the bucket thaw an archived image
         * @description For editors and owners. `archive` says whether the thaw is under way; the space's events tell when it has ended. Does
         *     nothing with an image that is not archived.
         */
        post: operations["thaw_space_image"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/spaces/{spaceId}/images/{imageId}/upload-url": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Get the upload URL again
         * @description Of an image whose bytes have not come yet, where the URL of before has ended. For who announced it, and services. It
         *     goes where the one of before went, and takes the same bytes.
         */
        post: operations["sign_space_image_upload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/spaces/{spaceId}/members": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List members
         * @description For owners.
         */
        get: operations["list_space_members"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/spaces/{spaceId}/members/{userId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Make somebody a member, or give them another role
         * @description For owners. The last owner stays one.
         */
        put: operations["set_space_member"];
        post?: never;
        /**
         * Remove a member
         * @description Owners anybody, everybody themselves; the last owner can't. What was signed for a member before opens the space's images
         *     until it ends, within `GRANT_TTL_SECONDS`.
         */
        delete: operations["remove_space_member"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/spaces/{spaceId}/trash": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what was deleted
         * @description And can be brought back; the latest first. For editors and owners.
         */
        get: operations["list_space_trash"];
        put?: never;
        post?: never;
        /**
         * Remove all that was deleted for good
         * @description For editors and owners. The bytes are gone once the work behind it is done.
         */
        delete: operations["empty_space_trash"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/spaces/{spaceId}/trash/{imageId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Remove a deleted image for good
         * @description For editors and owners. It can't be brought back.
         */
        delete: operations["purge_space_image"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/get/{key}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read a file by its link
         * @description `Range` and conditional requests as in RFC 9110.
         */
        get: operations["read_file_link"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        /**
         * Read headers by a link
         * @description As GET without the bytes; `Range` has no meaning here.
         */
        head: operations["head_file_link"];
        patch?: never;
        trace?: never;
    };
    "/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Liveness
         * @description That the process answers.
         */
        get: operations["get_health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Liveness, with the state of the disk
         * @description That the process answers, what is free on the local disk, and whether uploads are taken now.
         */
        get: operations["get_disk_health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Metrics in Prometheus' text format
         * @description For direct requests from this machine unless `METRICS` says otherwise. In production, on `METRICS_PORT` only.
         */
        get: operations["get_metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/packages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Announce a package and its source file
         * @description PUT the file to `uploadUrl` with `headers`, then confirm it. With `multipart`, or over 5 GiB, ask for its parts instead.
         */
        post: operations["create_package"];
        /**
         * Delete packages and collections
         * @description With all that is in them. Their names are free at once; they can be restored until their retention ends. Uploads that are
         *     open are given up. What can't be deleted is in `failures`, and keeps no others.
         */
        delete: operations["delete_packages"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/packages/assets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the assets of a package
         * @description In the order of their paths; with `path`, that one alone.
         */
        get: operations["list_package_assets"];
        put?: never;
        /**
         * Announce an asset of a package
         * @description PUT the file to `uploadUrl` with `headers`, then confirm it by `POST /packages/{id}/confirm` with the `id` of this answer.
         */
        post: operations["create_package_asset"];
        /**
         * Delete an asset of a package
         * @description For good: viewers make assets again from the source file. Its path is free after that.
         */
        delete: operations["delete_package_asset"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/packages/changelog": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What became of a dataset's tree, the latest first
         * @description Packages and collections that were made, deleted, restored and removed; of one of them with `package_id`.
         */
        get: operations["list_package_changes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/packages/children": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what lies in a collection, or at the top of a dataset
         * @description In the order of names: what is READY, unless `status` asks for something else. With `status=DELETED`, for editors: what
         *     was deleted there and can be restored.
         */
        get: operations["list_package_children"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/packages/cloudfront/sign": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a CDN URL of an asset
         * @description For an hour, and for that asset alone. With `scope=prefix` one signature over all assets of the package, to be put behind
         *     their URLs, and as cookies; `path` has no effect then.
         */
        get: operations["sign_package_assets"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/packages/collections": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a collection
         * @description For editors. Its name is unique among what lies beside it.
         */
        post: operations["create_collection"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/packages/datasets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List datasets
         * @description Those of the caller's organisation of which the caller is a member by the database, the newest first. What a token grants
         *     beside that is not listed.
         */
        get: operations["list_datasets"];
        put?: never;
        /**
         * Make a dataset
         * @description In the caller's organisation, which is its owner; a service names both in `X-Org-Id` and `X-User-Id`.
         */
        post: operations["create_dataset"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/packages/datasets/{datasetId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a dataset
         * @description With the caller's role in it, and how much is in it.
         */
        get: operations["get_dataset"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/packages/datasets/{datasetId}/members": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List members
         * @description For managers and owners.
         */
        get: operations["list_dataset_members"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/packages/datasets/{datasetId}/members/{userId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Make somebody a member, or give them another role
         * @description Managers make viewers and editors, owners everybody. The last owner stays one.
         */
        put: operations["set_dataset_member"];
        post?: never;
        /**
         * Remove a member
         * @description Managers remove viewers and editors, owners everybody, everybody themselves; the last owner stays.
         */
        delete: operations["remove_dataset_member"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/packages/download-manifest": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Get a manifest of many downloads
         * @description The source files of packages, and of all that lies in collections, with presigned URLs that live an hour. What is scanned,
         *     was rejected or failed is in `blocked`; ids that are unknown or deleted are in `missing`.
         */
        post: operations["create_download_manifest"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/packages/presign/s3": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a presigned URL of a package's source file, or of an asset
         * @description 307 to it, for an hour; with `redirect=false` it comes in JSON. Collections have no source file.
         */
        get: operations["presign_package"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        /**
         * Read headers of a package's source file, or of an asset
         * @description Its length, type, entity tag and date; `redirect` has no meaning here.
         */
        head: operations["head_package"];
        patch?: never;
        trace?: never;
    };
    "/packages/proxy/s3": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Go on to a presigned URL
         * @description Without sign-in: whoever holds the URL may read. 307 to it, with headers for pages of other origins. It must lead to a
         *     bucket of this server, or one of `PROXY_ALLOWED_BUCKETS`, and be good.
         */
        get: operations["follow_presigned_url"];
        put?: never;
        post?: never;
        delete?: never;
        /**
         * What the proxy can be asked
         * @description The methods it takes, in `Allow`.
         */
        options: operations["describe_presigned_url_proxy"];
        /**
         * Read headers of what a presigned URL leads to
         * @description What S3 tells the holder of the URL: length, type, entity tag and date.
         */
        head: operations["head_presigned_url"];
        patch?: never;
        trace?: never;
    };
    "/packages/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Restore deleted packages and collections
         * @description With all that was deleted in them, and with the collections they lie in. They are RESTORING from here on, and READY
         *     within moments. What has its name taken comes back as `name (1)`, which the changelog says. What can't be restored is in
         *     `failures`, and keeps no others.
         */
        post: operations["restore_packages"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/packages/thaw": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Have the bucket thaw archived packages
         * @description For editors. Their source files; of a collection, name the packages. `archive` of a package says when its thaw has ended.
         *     What is not archived is a success; what can't be thawed is in `failures`, and keeps no others.
         */
        post: operations["thaw_packages"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/packages/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a package or a collection
         * @description What was deleted is there for editors.
         */
        get: operations["get_package"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/packages/{id}/confirm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Confirm a file that was sent
         * @description By the package's id for a source file, by the asset's for an asset. It is sealed, scanned where there is a scanner, and
         *     READY after that. Asked again this answers the same; of what FAILED it has another try.
         */
        post: operations["confirm_package"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/packages/{id}/parts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the parts that were sent
         * @description What a client needs to go on after it was interrupted.
         */
        get: operations["list_package_parts"];
        put?: never;
        /**
         * Get presigned PUTs for parts
         * @description Each URL takes one PUT of that part's bytes. Keep the `ETag` of each answer.
         */
        post: operations["sign_package_parts"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Readiness
         * @description 200 while database, store and token issuer answer, else 503 saying which does not. A full disk is
         *     said here and answers 200, since reads and deletes work.
         */
        get: operations["get_readiness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/storage/{user_id}/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read a public file
         * @description Without sign-in, where `FILES_PUBLIC` is on; private files are not there.
         */
        get: operations["read_public_file"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        /**
         * Read headers of a public file
         * @description As GET without the bytes; `Range` has no meaning here.
         */
        head: operations["head_public_file"];
        patch?: never;
        trace?: never;
    };
    "/v1/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List events
         * @description Changes, and refusals of those who signed in; newest first.
         */
        get: operations["list_audit_events"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/bulk": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Do one thing with many objects
         * @description They are done one after the other in the background, each as if you asked for it alone. Membership of a space is read again for
         *     each object; the organisation is that of the token that started it. Ask `GET /v1/bulk/{id}` how far it is. At most three run at a time for one caller.
         */
        post: operations["start_bulk"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/bulk/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a bulk action
         * @description For who started it, admins and services, until 7 days after its start.
         */
        get: operations["get_bulk"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Delete a folder
         * @description With all that is below it. From the answer on nothing of it can be read; the job ends when its bytes are gone.
         */
        delete: operations["delete_file_folder"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/all": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List files
         * @description Newest first. Totals are of all that match.
         */
        get: operations["list_files"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/batch-download": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ask for a ZIP
         * @description Of files that the caller may read. The answer's token reads it, as often as wanted and from any byte on.
         */
        post: operations["create_file_archive"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/batch-download/{token}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read a ZIP
         * @description `Range` and `If-Range` at any byte, on any server.
         */
        get: operations["read_file_archive"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        /**
         * Read a ZIP's headers
         * @description As GET without the bytes; `Range` has no meaning here.
         */
        head: operations["head_file_archive"];
        patch?: never;
        trace?: never;
    };
    "/v1/files/complete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Complete an upload
         * @description May be asked again and then answers the same. `meta.filename` and `meta.folder` take the place of what was announced, and
         *     change the key. `visibility`, here or in `meta`, can make the file private and never public
         *     again.
         */
        post: operations["complete_file_upload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/generate-token": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a token for a user
         * @description For services, where `AUTH_OWN_TOKENS` is on; `/v1/tokens` does the same in JSON.
         */
        post: operations["create_file_token"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/get/{key}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read a file by its link, below the surface's own path
         * @description As `/get/{key}`.
         */
        get: operations["read_file_link_below_files"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        /**
         * Read headers by a link, below the surface's own path
         * @description As GET without the bytes; `Range` has no meaning here.
         */
        head: operations["head_file_link_below_files"];
        patch?: never;
        trace?: never;
    };
    "/v1/files/init": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Begin uploads
         * @description Reserves the announced bytes. Send them by `part`, or all of a file at once to its `url`. `visibility` may be said of all
         *     files, in `meta` or of one file; private in one place is private. A member that is not known is refused, but for those in
         *     `meta` that don't ask for privacy.
         */
        post: operations["begin_file_uploads"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/links/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * End all links to a user's files
         * @description From the answer on none that was signed before opens anything.
         */
        post: operations["revoke_file_links"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/metadata/{key}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a file's metadata
         * @description Also while it waits for the scanner, and of what was rejected.
         */
        get: operations["get_file_metadata"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/part": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a part in base64
         * @description Numbers begin with 0 or 1; parts may come in any order, and one that is sent again replaces the one before.
         */
        post: operations["send_file_part_base64"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/part/{upload_id}/{number}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Send a part
         * @description The bytes as they are.
         */
        put: operations["send_file_part"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/quota": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Set a user's quota
         * @description For services. `null` is the usual one. What is there already stays, also where it is more.
         */
        put: operations["set_file_quota"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/signed-url": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Sign a link
         * @description For anybody who has it, until it ends.
         */
        get: operations["sign_file_link"];
        put?: never;
        /**
         * Sign a link, asked for in JSON
         * @description For anybody who has it, until it ends.
         */
        post: operations["sign_file_link_json"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/thaw/{key}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Have the bucket thaw an archived file
         * @description Does nothing with a file that is not archived. `archive` in its metadata says when the thaw has ended.
         */
        post: operations["thaw_file"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/uploads/{upload_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get an upload
         * @description All that a client needs to go on which has lost everything but the upload's id: what was announced, and which parts came.
         *     One that was completed is there too.
         */
        get: operations["get_file_upload"];
        put?: never;
        post?: never;
        /**
         * Give an upload up
         * @description What it had reserved is free before the answer. May be asked again.
         */
        delete: operations["abort_file_upload"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What a user's files take
         * @description Their bytes, what open uploads have reserved, and the limit.
         */
        get: operations["get_file_usage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/{key}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Delete a file
         * @description Its bytes are gone and its space is free before the answer.
         */
        delete: operations["delete_file"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/images": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List images
         * @description The caller's own.
         */
        get: operations["list_images"];
        put?: never;
        /**
         * Begin an image
         * @description Starts an upload in parts. The body may be left out.
         */
        post: operations["create_image"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/images/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Delete an image
         * @description Its bytes are gone from store and edge before the answer.
         */
        delete: operations["delete_image"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/images/{id}/abort": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Abort an upload
         * @description Frees its parts. May be asked again.
         */
        post: operations["abort_image_upload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/images/{id}/complete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Complete an upload
         * @description May be asked again with the same parts and then answers the same.
         */
        post: operations["complete_image_upload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/images/{id}/metadata": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get metadata
         * @description Size, entity tag and date, and the stable address of the bytes.
         */
        get: operations["get_image_metadata"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/images/{id}/parts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List stored parts
         * @description What a client needs to go on after it was interrupted.
         */
        get: operations["list_image_parts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/images/{id}/range": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read bytes through the API
         * @description The fallback where there is no edge and no CDN: `Range` and conditional requests as in RFC 9110.
         */
        get: operations["read_image_range"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        /**
         * Read headers through the API
         * @description As GET without the bytes; `Range` has no meaning here.
         */
        head: operations["head_image_range"];
        patch?: never;
        trace?: never;
    };
    "/v1/images/{id}/stream-url": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a stream URL
         * @description A URL for `Range` requests, with what authorizes them.
         */
        get: operations["get_image_stream_url"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/images/{id}/thaw": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Have the bucket thaw an archived image
         * @description Does nothing with an image that is not archived. Its `archive` in the metadata says when the thaw has ended.
         */
        post: operations["thaw_image"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/images/{id}/upload": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get an open upload
         * @description All that a client needs to go on which has lost everything but the image's id.
         */
        get: operations["get_image_upload"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/images/{id}/upload-url": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Presign part uploads
         * @description Each URL takes one PUT of that part's bytes from anybody who has it, for an hour by default. Keep the
         *     `ETag` of each answer.
         */
        post: operations["sign_image_parts"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the queues of jobs
         * @description For admins and services.
         */
        get: operations["list_job_queues"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/jobs/dead": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List work that was given up
         * @description For admins and services, the oldest first.
         */
        get: operations["list_dead_jobs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/jobs/{id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Try work again that was given up
         * @description For admins and services.
         */
        post: operations["retry_dead_job"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the keys
         * @description For admins and services: which keys the server that answers signs with and accepts, so that a rotation can be
         *     followed. Nothing private is shown.
         */
        get: operations["list_keys"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Say who the caller is
         * @description A request without credentials is `anonymous`. Wrong or expired ones are refused.
         */
        get: operations["get_caller"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List sessions, newest first
         * @description Those of the caller's organisation that the caller has created. A service names the user in `X-User-Id`.
         */
        get: operations["list_sessions"];
        put?: never;
        /**
         * Make a session of the caller's organisation
         * @description Asked again with the same id it answers the same.
         */
        post: operations["create_session"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{session}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Delete a session and all that is in it
         * @description It can be brought back until its retention ends.
         */
        delete: operations["delete_session"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{session}/media": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A page of a session's media, newest first
         * @description Of any status and stage, or of one.
         */
        get: operations["list_media"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{session}/media/confirm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Say that it was sent
         * @description It is scanned and made anew from here on. Asked again it answers the same.
         */
        post: operations["confirm_media_upload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{session}/media/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What becomes of a session's media, as it comes about
         * @description Server-sent events named `status`, each with a change in JSON.
         */
        get: operations["watch_media"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{session}/media/upload-url": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Say what is to be sent, and learn where
         * @description PUT the bytes to `uploadUrl` with `headers`, then confirm it by `fileKey`.
         */
        post: operations["create_media_upload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{session}/media/{media}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One of a session's media
         * @description The answer has the URL to read it, and its thumbnails and poster.
         */
        get: operations["get_media"];
        put?: never;
        post?: never;
        /**
         * Delete one of a session's media
         * @description What was published can be brought back until its retention ends.
         */
        delete: operations["delete_media"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{session}/media/{media}/content": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read one of a session's media, once it is published
         * @description By the link in `url`, or signed in. Until it is published, the status is in the refusal. The address that it leads to
         *     opens this object alone, and ends no later than the link.
         */
        get: operations["read_media_content"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        /**
         * Read headers of one of a session's media
         * @description As GET without the bytes: where it is published, or how far it is.
         */
        head: operations["head_media_content"];
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{session}/media/{media}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What one of a session's media became, and when
         * @description From its announcement on, the first change first.
         */
        get: operations["list_media_history"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{session}/media/{media}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Bring back what was deleted
         * @description Until its retention ends.
         */
        post: operations["restore_media"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{session}/media/{media}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Try again what failed
         * @description `SCAN_FAILED` has a cause on the server, so a retry can succeed. `REJECTED` is final.
         */
        post: operations["retry_media"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{session}/media/{media}/thaw": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Have the bucket thaw what it has archived
         * @description `archive` says whether the thaw is under way; `watchMedia` tells when it has ended. Does nothing with what is not archived.
         */
        post: operations["thaw_media"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{session}/media/{media}/upload-url": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Get the upload URL again
         * @description Of a media item whose bytes have not come yet, where the URL of before has ended. For who announced it, and services. It
         *     goes where the one of before went, and takes the same bytes.
         */
        post: operations["sign_media_upload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{session}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Bring back a session that was deleted
         * @description What was deleted with it comes back by and by.
         */
        post: operations["restore_session"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/settings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the settings in effect
         * @description For admins and services: all settings, with their values on the server that answers. The value of a secret is never
         *     shown.
         */
        get: operations["list_settings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sign-in": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Say how users sign in
         * @description For pages, before anybody has signed in; nothing in it is secret.
         */
        get: operations["get_sign_in"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a token for a user
         * @description For services, where `AUTH_OWN_TOKENS` is on.
         */
        post: operations["create_token"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List who uses how much
         * @description For admins and services: owners with readable objects, those that use the most bytes first.
         */
        get: operations["list_usage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/usage/days": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what was added on each day
         * @description For admins and services: objects that became readable for the first time, and their bytes, by day (UTC) and kind.
         *     At most 366 days.
         */
        get: operations["list_usage_days"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description Who acted. */
        Actor: {
            /** @description For whom a service acted. */
            actingFor?: string | null;
            /** @description `user`, `service` or `system`. */
            kind: string;
            name: string;
        };
        /** @description The state of an object in an archive of the bucket. */
        ArchiveStatus: {
            /** @description When the thaw was requested, where that is known. */
            requestedAt?: string | null;
            /**
             * @description `ARCHIVED`: its bytes can't be read before a thaw. `THAWING`: one is under way. `THAWED`: they can be read until
             *     `until`. `READABLE`: it is not archived.
             * @example THAWING
             */
            state: string;
            /** @description When it is archived again, of one that is `THAWED`. */
            until?: string | null;
        };
        /** @description Who did what to what, from where, and with what outcome. */
        AuditEvent: {
            /** @description As `upload.completed`; of what was refused, the right that was missing, as `read`. */
            action: string;
            actor: components["schemas"]["Actor"];
            /** @description The client's address; for admins and services. */
            address?: string | null;
            at: string;
            id: string;
            objectId?: string | null;
            /** @description `done` or `refused`. */
            outcome: string;
            owner?: components["schemas"]["OwnerName"] | null;
            /** @description `x-request-id` of the answer; empty for what the server did by itself. */
            requestId: string;
        };
        /** @description A file that can't be downloaded. */
        BlockedEntry: {
            fileName: string;
            nodeId: string;
            packageName: string;
            path: string[];
            reason?: string | null;
            /** @description SCANNING, REJECTED or FAILED; or ARCHIVED or THAWING, where that is known. */
            status: string;
        };
        /** @description A bulk action. */
        Bulk: {
            action: string;
            createdAt: string;
            /**
             * Format: int64
             * @description How many were tried, those that failed included.
             */
            done: number;
            /** @description The first 1,000 that failed. */
            failed: components["schemas"]["BulkItemFailure"][];
            /**
             * Format: int64
             * @description How many of those failed.
             */
            failedTotal: number;
            /** @description When it was done; null while it runs. */
            finishedAt?: string | null;
            id: string;
            kind: string;
            owner: string;
            /** @description `running` or `done`. */
            state: string;
            /**
             * Format: int64
             * @description How many objects there are.
             */
            total: number;
        };
        /** @description An object that failed. */
        BulkItemFailure: {
            /** @description As of a request for this object alone. */
            code: string;
            /** @description As it was given. */
            id: string;
            message: string;
        };
        /** @description What is to be done with many objects. */
        BulkRequest: {
            /** @description `delete`; of a space and a session `restore`; of a space `purge`. */
            action: string;
            /** @description Up to 10,000 ids, each once; keys of files. */
            ids: string[];
            /** @description `space`, `session`, `files` or `disks`. */
            kind: string;
            /** @description The space, the session, or the user whose files or disk images they are. */
            owner: string;
        };
        /**
         * Format: int64
         * @description A whole number of bytes, up to 2^53.
         */
        ByteCount: number;
        /** @description A collection about to be made. */
        CollectionRequest: {
            /** @description Up to 255 bytes, without slashes; unique among what lies beside it. */
            name: string;
            /** @description The collection it lies in; the top of the dataset if left out. */
            parentId?: string | null;
        };
        /** @description A file that is there. */
        CompletedFile: {
            /** @description The name that was given. */
            filename: string;
            /** @description The folder that was given. */
            folder: string;
            key: string;
            mime: string;
            sha256: string;
            /** Format: int64 */
            size: number;
            /** @description `READY`, or `SCANNING` where there is a scanner: reads are answered 409 until then. Later also `REJECTED`. */
            status: string;
            /** @description `public` or `private`: who may read it without a link. */
            visibility: string;
        };
        /** @description An image that is complete. */
        CompletedImage: {
            etag: string;
            lastModified: string;
            /** @example true */
            ok: boolean;
            /** Format: int64 */
            size: number;
        };
        CompletedImagePart: {
            /** @description With or without quotes. */
            etag: string;
            /** Format: int32 */
            partNumber: number;
        };
        /** @description What was confirmed. */
        ConfirmedPackage: components["schemas"]["PackageNode"] | components["schemas"]["PackageAsset"];
        /** @description A dataset. */
        Dataset: {
            /**
             * Format: int64
             * @description Their bytes.
             */
            bytes: number;
            createdAt: string;
            /** @description As `N:dataset:…`. */
            id: string;
            /**
             * Format: int64
             * @description The number in its keys: `D{intId}`.
             */
            intId: number;
            name: string;
            /**
             * Format: int64
             * @description Source files and assets that are published.
             */
            objects: number;
            organization: string;
            /**
             * Format: int64
             * @description The number in its keys: `O{organizationIntId}`.
             */
            organizationIntId: number;
            /** @description What the caller may do; none for a service. */
            role?: string | null;
        };
        /** @description Somebody who belongs to a dataset. */
        DatasetMember: {
            addedAt: string;
            role: string;
            userId: string;
        };
        /** @description A page of members. */
        DatasetMemberPage: {
            members: components["schemas"]["DatasetMember"][];
            nextCursor?: string | null;
        };
        /** @description A page of datasets. */
        DatasetPage: {
            datasets: components["schemas"]["Dataset"][];
            nextCursor?: string | null;
        };
        /** @description A dataset's name. */
        DatasetRequest: {
            /** @description Up to 200 bytes. */
            name: string;
        };
        /** @description What somebody may do. */
        DatasetRoleRequest: {
            /** @description viewer, editor, manager or owner. */
            role: string;
        };
        /** @description Work that was given up. */
        DeadJob: {
            /**
             * Format: int64
             * @description How often it was tried.
             */
            attempts: number;
            createdAt: string;
            /** Format: int64 */
            id: number;
            /** @description What was to be done. */
            job: unknown;
            /** @description What was wrong with the last attempt. */
            lastError?: string | null;
        };
        /** @description What was done. */
        DeletedFile: {
            key: string;
            status: string;
        };
        /** @description A folder that is gone; its bytes follow. */
        DeletedFolder: {
            /** @description The job that removes its bytes, as the log names it. */
            jobId: string;
        };
        /** @description An image that was deleted. */
        DeletedImage: {
            blurhash?: string | null;
            contentType: string;
            createdAt: string;
            deletedAt?: string | null;
            /**
             * Format: int32
             * @description Pixels.
             */
            height?: number | null;
            id: string;
            name?: string | null;
            /** @description Until then it can be brought back. */
            purgeAt?: string | null;
            /**
             * Format: int64
             * @description Bytes.
             */
            size?: number | null;
            /**
             * Format: int32
             * @description Pixels.
             */
            width?: number | null;
        };
        /** @description A page of what was deleted, the latest first. */
        DeletedImagePage: {
            images: components["schemas"]["DeletedImage"][];
            /** @description For the next page; absent on the last. */
            nextCursor?: string | null;
            /**
             * Format: int64
             * @description How many there are in all; absent with `cursor`.
             */
            total?: number | null;
        };
        /** @description That the process answers, and what it has to write to. */
        DiskHealth: {
            /**
             * Format: double
             * @description GB (10⁹ bytes) left on the local store's disk; `null` where the store is a bucket.
             */
            disk_free_gb?: number | null;
            /** @description Always `true`. */
            ok: boolean;
            /** @example healthy */
            status: string;
            version: string;
            /** @description Whether uploads are taken now: the store answers, and no disk is full up to its reserve. */
            writable: boolean;
        };
        /**
         * @description The body of every refused JSON request.
         * @example {
         *       "error": {
         *         "code": "NOT_FOUND",
         *         "message": "no such image"
         *       }
         *     }
         */
        ErrorBody: {
            /** @description The message again; on routes of files, whose clients read it here. Added in `files/error.rs`. */
            detail?: string | null;
            error: components["schemas"]["ErrorDetail"];
            /** @description The message again; on routes of packages, whose clients read it here. */
            message?: string | null;
        };
        /** @description What is wrong. */
        ErrorDetail: {
            archive?: components["schemas"]["ArchiveStatus"] | null;
            /**
             * @description Stable; for programs.
             * @example NOT_FOUND
             */
            code: string;
            /**
             * @description One line; for people.
             * @example no such image
             */
            message: string;
            /**
             * Format: int64
             * @description With `QUOTA_EXCEEDED`: how much of it may be taken.
             */
            quota?: number | null;
            /**
             * Format: int64
             * @description With `QUOTA_EXCEEDED`: how much the request needs.
             */
            requested?: number | null;
            /** @description With `QUOTA_EXCEEDED`: what is used up, such as `bytes`, `objects` or `open_uploads`. */
            resource?: string | null;
            /**
             * Format: int64
             * @description With `QUOTA_EXCEEDED`: how much of it is taken, reservations included.
             */
            used?: number | null;
        };
        /** @description A page of events, newest first. */
        EventPage: {
            events: components["schemas"]["AuditEvent"][];
            /** @description For the next page; absent on the last. A page of a rare action or actor can be short, or empty, and not the last. */
            nextCursor?: string | null;
        };
        /** @description An archive that can be read. */
        FileArchive: {
            /**
             * Format: int64
             * @description Seconds.
             */
            expires_in: number;
            /**
             * Format: int64
             * @description Its exact size in bytes.
             */
            size: number;
            /** @description Opens it, for anybody. */
            token: string;
        };
        /** @description Files for one archive. */
        FileArchiveRequest: {
            /** @description Instead of keys: a folder with all that is below it. */
            folder?: string | null;
            /** @description Up to 100,000. */
            keys?: string[];
            /**
             * @description What it is saved as.
             * @example pictures.zip
             */
            name?: string | null;
            user_email?: string | null;
            /** @description Whose folder, where a service asks. */
            user_id?: string | null;
        };
        /** @description The end of an upload. */
        FileCompletion: {
            meta?: components["schemas"]["FileUploadMeta"] | null;
            /** @description `data` (base64) is used where no part was sent before. */
            parts?: components["schemas"]["FileCompletionPart"][];
            /** @description Of the whole, in hex. */
            sha256?: string | null;
            uploadId: string;
            /** @description `private` makes the file so; what was announced as private stays private. Also in `meta`. */
            visibility?: string | null;
        };
        /** @description A part that comes with the end of its upload, or came before. */
        FileCompletionPart: {
            /** @description The bytes in base64. */
            data?: string | null;
            /**
             * Format: int32
             * @description Where it belongs; without one, where it stands.
             */
            partNumber?: number | null;
        };
        /** @description A link. */
        FileLink: {
            disposition: string;
            expiresAt: string;
            /** Format: int64 */
            expires_in: number;
            signed_url: string;
            url: string;
        };
        /** @description A link that is wanted, in the query or in the body. */
        FileLinkRequest: {
            /** @description `inline` (default) or `attachment`. */
            disposition?: string | null;
            /**
             * Format: int64
             * @description Another name of `ttl`.
             */
            expires_in?: number | null;
            /** @description Another name of `key`. */
            file_key?: string | null;
            /** @description The file's key. */
            key?: string | null;
            /**
             * Format: int64
             * @description Seconds; an hour by default.
             */
            ttl?: number | null;
            /**
             * Format: int32
             * @description `1` for the source's form.
             */
            v?: number | null;
        };
        /** @description What is known of a file. */
        FileMetadata: {
            archive?: components["schemas"]["ArchiveStatus"] | null;
            createdAt: string;
            mime: string;
            /** @description Why it was rejected, or could not be scanned. */
            reason?: string | null;
            /** @description `clean`; `unscanned`: too large, and let through by a setting; `skipped`: the scanner was switched off meanwhile. */
            scan?: string | null;
            sha256: string;
            /** Format: int64 */
            size: number;
            /** @description `READY`, `SCANNING`, `FAILED` or `REJECTED`. */
            status: string;
            /** @description `public` or `private`: who may read it without a link. */
            visibility: string;
        };
        /** @description A page. */
        FilePage: {
            files: components["schemas"]["ListedFile"][];
            next_cursor?: string | null;
            /**
             * Format: int64
             * @description Of all that match.
             */
            total_count: number;
            /**
             * Format: int64
             * @description Bytes of all that match.
             */
            total_size: number;
        };
        /** @description A part in JSON, for the description: it is read as a stream. */
        FilePartRequest: {
            /** @description The bytes in base64. */
            chunkBase64: string;
            /**
             * Format: int32
             * @description From 0 or 1.
             */
            partNumber: number;
            uploadId: string;
        };
        /** @description A limit for a user. */
        FileQuotaRequest: {
            /**
             * Format: int64
             * @description Bytes; `null` is the usual limit.
             */
            quota: number | null;
        };
        /** @description One file. */
        FileRequest: {
            /** @example image/jpeg */
            mime?: string | null;
            /** @example image.jpg */
            name: string;
            /**
             * Format: int64
             * @description Bytes.
             */
            size: number;
            /** @description `public` (default) or `private`. */
            visibility?: string | null;
        };
        /** @description A token. */
        FileToken: {
            expiresAt: string;
            /**
             * Format: int64
             * @description Seconds.
             */
            expires_in: number;
            token: string;
        };
        /** @description One file of it. */
        FileUpload: {
            expiresAt: string;
            /** @description The folder that was given: empty segments, and dots and spaces at either end of one are removed. */
            folder: string;
            /** @description To be sent with it, just so. */
            headers: {
                [key: string]: string;
            };
            /** @description The key, unless `complete` names another folder or name. */
            key: string;
            method: string;
            /** @description The name that was given: dots and spaces at either end are removed. */
            name: string;
            uploadId: string;
            /** @description Takes all bytes in one request, without base64. */
            url: string;
            /** @description `public` or `private`: who may read it without a link. */
            visibility: string;
        };
        /** @description What a client adds. It may say more than this, which is not looked at, unless it asks for privacy. */
        FileUploadMeta: {
            /** @description At `complete`, the name in place of the one announced before. */
            filename?: string | null;
            /** @description The folder; at `complete` in place of the one announced before. */
            folder?: string | null;
            user_email?: string | null;
            /** @description Whom a service acts for. */
            user_id?: string | null;
            /** @description `public` or `private`. */
            visibility?: string | null;
        };
        /** @description An upload that is open or was completed. */
        FileUploadProgress: {
            /** @description When it is given up; null once it is completed. */
            expiresAt?: string | null;
            filename: string;
            folder: string;
            /** @description The key that the file has or will have, unless the completion names another folder or name. */
            key: string;
            mime: string;
            /** @description What came already, in the order of the numbers; empty once it is completed. */
            parts: components["schemas"]["ReceivedFilePart"][];
            /**
             * Format: int64
             * @description Bytes of the parts.
             */
            received: number;
            /**
             * Format: int64
             * @description Bytes that were announced.
             */
            size: number;
            /** @description `OPEN`; `COMPLETING`, when it takes no more parts and can only be completed or aborted; `COMPLETED`. */
            state: string;
            uploadId: string;
            visibility: string;
        };
        /** @description An upload that was begun. */
        FileUploads: {
            /**
             * Format: int64
             * @description Parts of 1 MiB that the largest file comes to.
             */
            parts?: number | null;
            /** @description Whether anyone who knows the path of a `public` file can read it without sign-in (`FILES_PUBLIC`). */
            publicAccess: boolean;
            /** @description The first file's. */
            uploadId: string;
            uploads: components["schemas"]["FileUpload"][];
            /** @description `public` or `private`, where all files are the same. */
            visibility?: string | null;
        };
        /** @description What is to be uploaded. */
        FileUploadsRequest: {
            files: components["schemas"]["FileRequest"][];
            /**
             * @description Folders with slashes between them.
             * @example main/pictures
             */
            folder?: string | null;
            meta?: components["schemas"]["FileUploadMeta"] | null;
            /**
             * @description `single`, `chunked` or `batch`.
             * @example single
             */
            mode: string;
            /**
             * @description `public` (default) or `private`, of all files. Said here, in `meta` or of a file: private in one place is private.
             * @example private
             */
            visibility?: string | null;
        };
        /** @description What a user's files take. */
        FileUsage: {
            /**
             * Format: int64
             * @description Files.
             */
            files: number;
            /**
             * Format: int64
             * @description The limit in bytes.
             */
            quota: number;
            /**
             * Format: int64
             * @description Bytes that open uploads may still become, and of files that wait for the scanner or could not be scanned.
             */
            reserved: number;
            /**
             * Format: int64
             * @description Bytes of files.
             */
            used: number;
        };
        /** @description That the process answers. */
        Health: {
            /** @description Always `true`. */
            ok: boolean;
            /** @example ok */
            status: string;
            version: string;
        };
        /** @description Who sends the request. */
        Identity: {
            /** @description The user that a service acts for. */
            actingFor?: string | null;
            /** @description Whether the routes of the overview answer the caller. */
            administrator: boolean;
            /** @description When the token ends; null for credentials without an end. */
            expiresAt?: string | null;
            /** @description The user's id; null for others. */
            id?: string | null;
            /** @description `user`, `service`, or `anonymous` for a request without credentials. */
            kind: string;
            /** @description The organisation that applies to routes which name none. */
            organization?: string | null;
            /** @description The server's own roles: `admin`, or nothing. */
            roles: string[];
            /** @description The kinds of owners whose surfaces are on: `disks`, `files`, `session`, `space`, `dataset`. */
            surfaces: string[];
        };
        Image: {
            archive?: components["schemas"]["ArchiveStatus"] | null;
            createdAt: string;
            /** @description `null` until the upload is complete. */
            etag?: string | null;
            imageId: string;
            name?: string | null;
            /**
             * Format: int64
             * @description `null` until the upload is complete.
             */
            size?: number | null;
            /** @example READY */
            status: string;
        };
        /** @description What an image became, and when. */
        ImageChange: {
            archive?: components["schemas"]["ArchiveStatus"] | null;
            at: string;
            imageId: string;
            /** @description Why it is `REJECTED` or `FAILED`; or how it came about: `imported`, `restored`. */
            reason?: string | null;
            /** @description As an image's status, or `DELETED` or `PURGED`. */
            status: string;
        };
        /** @description All parts of an upload. */
        ImageCompletion: {
            /** @description In any order. */
            parts: components["schemas"]["CompletedImagePart"][];
            uploadId: string;
        };
        /** @description What is known of an image and its bytes. */
        ImageMetadata: {
            archive?: components["schemas"]["ArchiveStatus"] | null;
            /** @description When the upload was announced. */
            createdAt: string;
            etag: string;
            lastModified: string;
            /** @description The name that the upload announced. */
            name?: string | null;
            /** Format: int64 */
            size: number;
            /** @description The image's stable address, without any authorization. */
            url: string;
        };
        /** @description A page of images, newest first. */
        ImagePage: {
            images: components["schemas"]["Image"][];
            /** @description Absent on the last page. */
            nextCursor?: string | null;
            /**
             * Format: int64
             * @description How many there are in all; absent with `cursor`.
             */
            total?: number | null;
        };
        /** @description What a client announces of a new image. */
        ImageRequest: {
            /** @description The media type as the client sees it; the bytes are always served as `application/octet-stream`. */
            contentType?: string | null;
            /** @description A name for people, up to 255 bytes. */
            name?: string | null;
            /**
             * Format: int64
             * @description The size in bytes. With it, `partSize` is large enough for 10,000 parts, and completion checks it.
             */
            size?: number | null;
        };
        /** @description An upload that takes parts. */
        ImageUpload: {
            imageId: string;
            /**
             * Format: int64
             * @description Bytes in every part but the last.
             */
            partSize: number;
            uploadId: string;
        };
        /** @description What lies in the bucket already. */
        ImportRequest: {
            /** @description Up to 1,000 keys. */
            s3Key: string[];
        };
        /** @description An image that is being copied. */
        ImportedImage: {
            id: string;
            s3Key: string;
            status: string;
        };
        /** @description A token. */
        IssuedToken: {
            expiresAt: string;
            /** @description To be sent as `Authorization: Bearer …`. */
            token: string;
        };
        /** @description The jobs of a class. */
        JobQueue: {
            /** @description `upkeep`, `scans`, `images` or `videos`. */
            class: string;
            /**
             * Format: int64
             * @description Jobs that were given up; see `/v1/jobs/dead`.
             */
            dead: number;
            /**
             * Format: int64
             * @description For how many seconds the oldest job has been due that no worker is doing; null if none is due.
             */
            oldestSeconds?: number | null;
            /**
             * Format: int64
             * @description Jobs that have failed and are tried again later.
             */
            retrying: number;
            /**
             * Format: int64
             * @description Jobs that a worker is doing.
             */
            running: number;
            /**
             * Format: int64
             * @description Jobs that no worker has taken, those that are not due yet included.
             */
            waiting: number;
        };
        /** @description The queues of all classes of jobs. */
        JobQueues: {
            queues: components["schemas"]["JobQueue"][];
        };
        /** @description One file. */
        ListedFile: {
            archive?: components["schemas"]["ArchiveStatus"] | null;
            created_at: string;
            filename: string;
            folder: string;
            key: string;
            mime: string;
            /** Format: int64 */
            size: number;
            status: string;
        };
        /** @description What to download. */
        Manifest: {
            /** @description Files that can't be downloaded. */
            blocked: components["schemas"]["BlockedEntry"][];
            data: components["schemas"]["ManifestEntry"][];
            header: components["schemas"]["ManifestHeader"];
            /** @description Ids that were asked for and are unknown or deleted. */
            missing: string[];
        };
        /** @description A file of a manifest. */
        ManifestEntry: {
            /** @description In lower case without its dot, such as `csv` or `nii.gz`; none where the name has none. */
            fileExtension?: string | null;
            fileName: string;
            nodeId: string;
            packageName: string;
            /** @description The names of the collections it lies in, from the one that was asked for. */
            path: string[];
            /** Format: int64 */
            size: number;
            url: string;
        };
        /** @description How much that is. */
        ManifestHeader: {
            /** @description Files. */
            count: number;
            /**
             * Format: int64
             * @description Their bytes.
             */
            size: number;
        };
        /** @description One of a session's media. */
        Media: {
            /** @description What it shows, for those who can't see it. */
            alt?: string | null;
            archive?: components["schemas"]["ArchiveStatus"] | null;
            /** @description A blurred preview; see blurha.sh. */
            blurhash?: string | null;
            /** @description As it is published; before that, as it was announced. */
            contentType: string;
            createdAt: string;
            createdBy: string;
            /**
             * Format: int32
             * @description Milliseconds, of a video.
             */
            duration?: number | null;
            /** @description When `url` ends. */
            expiresAt: string;
            /** @description What its uploader confirmed. */
            fileKey: string;
            /** @description The name its uploader gave it. */
            filename?: string | null;
            /**
             * Format: int32
             * @description Pixels.
             */
            height?: number | null;
            /** Format: uuid */
            id: string;
            /** @description Why it is `REJECTED` or `SCAN_FAILED`. */
            reason?: string | null;
            /** @description From when on asking again gives one that ends later. */
            refreshAfter: string;
            /** @description `clean`, `skipped` where there is no scanner, `unscanned` where it was too large. */
            scan?: string | null;
            /** Format: uuid */
            sessionId: string;
            size?: components["schemas"]["ByteCount"] | null;
            stage: string;
            status: components["schemas"]["MediaStatus"];
            /** @description Where it can be read: on the CDN once it is COMPLETED, and before that by a link that asks where it stands. */
            url: string;
            variants: components["schemas"]["MediaVariant"][];
            /**
             * Format: int32
             * @description Pixels.
             */
            width?: number | null;
        };
        /** @description What was sent. */
        MediaConfirmation: {
            /** @description What it shows, for those who can't see it. */
            alt?: string | null;
            fileKey: string;
            /** @description Another stage than was announced. */
            stage?: string | null;
        };
        /** @description A page of a session's media, newest first. */
        MediaPage: {
            media: components["schemas"]["Media"][];
            /** @description `after` of the next page; absent on the last. */
            next?: string | null;
            /**
             * Format: int64
             * @description How many there are in all; absent with `after`.
             */
            total?: number | null;
        };
        /** @description What is to be sent. */
        MediaRequest: {
            /** @description `image/jpeg`, `image/png`, `image/gif`, `image/webp`, `video/mp4`, `video/quicktime` or `video/webm`. */
            contentType: string;
            filename: string;
            /** @description Of what is sent, in hexadecimal digits. */
            sha256?: string | null;
            size?: components["schemas"]["ByteCount"] | null;
            /** @description `intake`, `customerRequests`, `inspection`, `testDrive`, `initialReport` or `general`, which is usual. */
            stage?: string | null;
        };
        /**
         * @description Where one of a session's media stands.
         * @enum {string}
         */
        MediaStatus: "PENDING_UPLOAD" | "UPLOADED" | "SCANNING" | "SCAN_FAILED" | "PROCESSING" | "COMPLETED" | "REJECTED";
        /** @description Where a file may be sent by one PUT. */
        MediaUpload: {
            /** @description When it ends. */
            expiresAt: string;
            /**
             * Format: int32
             * @description Seconds that the URL works.
             */
            expiresIn: number;
            /** @description What to confirm. */
            fileKey: string;
            /** @description What to send along; `content-type` at least. */
            headers: components["schemas"]["UploadHeader"][];
            /**
             * Format: uuid
             * @description The media item.
             */
            id: string;
            /** @description A presigned URL. A secret while it lives. */
            uploadUrl: string;
        };
        /** @description Something derived: a thumbnail, or a video's poster. */
        MediaVariant: {
            contentType: string;
            /** Format: int32 */
            height: number;
            /** @description As `320.webp` or `poster.jpg`. */
            name: string;
            size: components["schemas"]["ByteCount"];
            /** @description Signed as the medium's own. */
            url: string;
            /** Format: int32 */
            width: number;
        };
        /** @description A node that was left as it is. */
        NodeFailure: {
            /** @description For programs: `NOT_FOUND` or `INVALID_STATE`. */
            code: string;
            /** @description For people. */
            error: string;
            id: string;
        };
        /** @description Which nodes. */
        NodeIds: {
            /** @description Up to 1,000. */
            nodeIds: string[];
        };
        /** @description What became of each. */
        NodeOutcomes: {
            failures: components["schemas"]["NodeFailure"][];
            success: string[];
        };
        /**
         * @description An OpenID Connect provider: discovery is below its issuer. Public clients use PKCE; the redirect
         *     URI is `/sign-in`.
         */
        OidcProvider: {
            clientId: string;
            issuer: string;
            /** @description The origins of its endpoints that a page may ask, besides that of the issuer. */
            origins: string[];
            /** @description Scopes between spaces. */
            scope: string;
        };
        /** @description An open upload: what a client needs to go on with it. */
        OpenImageUpload: {
            /** @description When it is given up. */
            expiresAt: string;
            /**
             * Format: int64
             * @description Bytes in every part but the last.
             */
            partSize: number;
            /** @description What is stored. */
            parts: components["schemas"]["StoredImagePart"][];
            /**
             * Format: int64
             * @description As it was announced, or `null`.
             */
            size?: number | null;
            uploadId: string;
        };
        /** @description Whose things it was about. */
        OwnerName: {
            id: string;
            /** @description As `disks`. */
            kind: string;
        };
        /** @description An asset of a package. */
        PackageAsset: {
            contentType: string;
            createdAt: string;
            etag?: string | null;
            id: string;
            /** @description Below the package. */
            path: string;
            /** @description Why it was rejected or failed. */
            reason?: string | null;
            /** Format: int64 */
            size?: number | null;
            status: string;
        };
        /** @description A page of assets, in the order of their paths. */
        PackageAssetPage: {
            assets: components["schemas"]["PackageAsset"][];
            nextCursor?: string | null;
        };
        /** @description A line of a dataset's changelog. */
        PackageChange: {
            at: string;
            by: string;
            /** @description `CREATE_PACKAGE`, `DELETE_PACKAGE`, `RESTORE_PACKAGE`, `RESTORE_FAILED` or `PURGE_PACKAGE`, of collections, too. */
            event: string;
            /** Format: int64 */
            id: number;
            /** @description Its name from then on. */
            name: string;
            nodeId: string;
            /** @description Its name before, where a restore had to give it another one. */
            originalName?: string | null;
        };
        /** @description A page of a changelog, the latest first. */
        PackageChangePage: {
            changes: components["schemas"]["PackageChange"][];
            nextCursor?: string | null;
        };
        /** @description What was sent; only where it came in parts. */
        PackageConfirmation: {
            parts?: components["schemas"]["PackagePart"][] | null;
        };
        /** @description A file about to be sent. */
        PackageFileRequest: {
            /** @description Its media type; application/octet-stream, or what an asset's path says, if left out. */
            contentType?: string | null;
            /** @description Whether it comes in parts. More than 5 GiB do so anyway. */
            multipart?: boolean;
            /** @description SHA-256 in hex; then just that must come. */
            sha256?: string | null;
            /**
             * Format: int64
             * @description Bytes; then just so many must come.
             */
            size?: number | null;
        };
        /** @description A collection or a package. */
        PackageNode: {
            archive?: components["schemas"]["ArchiveStatus"] | null;
            /**
             * Format: int64
             * @description Bytes of a package that are published: its source file and its assets.
             */
            bytes?: number | null;
            contentType?: string | null;
            createdAt: string;
            createdBy: string;
            deletedAt?: string | null;
            /** @description The source file's name. */
            fileName?: string | null;
            /**
             * Format: int64
             * @description The number in a package's keys: `P{intId}`.
             */
            intId: number;
            name: string;
            /** @description As `N:package:…` or `N:collection:…`. */
            nodeId: string;
            /** @description The collection it lies in; none at the top. */
            parentId?: string | null;
            /** @description Why it was rejected or failed. */
            reason?: string | null;
            /** @description What the scanner said: clean, skipped or unscanned. */
            scan?: string | null;
            /**
             * Format: int64
             * @description The source file's bytes.
             */
            size?: number | null;
            /** @description PENDING, SCANNING, READY, REJECTED, FAILED, DELETED or RESTORING. */
            status: string;
            /** @description `Collection` or `Package`. */
            type: string;
        };
        /** @description A page of what lies in a collection. */
        PackageNodePage: {
            children: components["schemas"]["PackageNode"][];
            nextCursor?: string | null;
            /**
             * Format: int64
             * @description How many there are in all; absent with `cursor`.
             */
            total?: number | null;
        };
        /** @description A part that was sent. */
        PackagePart: {
            /** @description As the PUT's answer had it. */
            etag: string;
            /** Format: int32 */
            partNumber: number;
            /**
             * Format: int64
             * @description Bytes; not needed to confirm.
             */
            size?: number | null;
        };
        /** @description Where to PUT a part. */
        PackagePartUrl: {
            /** Format: int32 */
            partNumber: number;
            url: string;
        };
        /** @description Where to PUT parts. */
        PackagePartUrls: {
            parts: components["schemas"]["PackagePartUrl"][];
        };
        /** @description Parts that were sent. */
        PackageParts: {
            /**
             * Format: int64
             * @description Bytes in each part but the last.
             */
            partSize: number;
            parts: components["schemas"]["PackagePart"][];
        };
        /** @description A package about to be made, and its source file. */
        PackageRequest: components["schemas"]["PackageFileRequest"] & {
            /** @description The name the source file is saved under; the package's if left out. */
            filename?: string | null;
            /** @description Up to 255 bytes, without slashes; unique among what lies beside it. */
            name: string;
            /** @description The collection it lies in; the top of the dataset if left out. */
            parentId?: string | null;
        };
        /** @description Where to send a file. */
        PackageUpload: {
            /** @description When the upload is given up. */
            expiresAt: string;
            /** @description Headers to PUT it with. */
            headers?: {
                [key: string]: string;
            };
            /** @description What to confirm by: the package's id, or the asset's. */
            id: string;
            /** @description The package. */
            nodeId: string;
            /**
             * Format: int64
             * @description Bytes in each part but the last, if it comes in parts: ask for them by `POST /packages/{id}/parts`.
             */
            partSize?: number | null;
            /** @description Where to PUT the file, if it comes by one PUT. */
            uploadUrl?: string | null;
            /** @description When `uploadUrl` ends. */
            uploadUrlExpiresAt?: string | null;
        };
        /** @description A presigned URL. */
        PresignedPackageUrl: {
            /**
             * Format: int64
             * @description Epoch seconds.
             */
            expires_at: number;
            presigned_url: string;
        };
        /** @description What is reachable. */
        Readiness: {
            /**
             * @description `ok`; `full` while its disk is full up to the reserve; or `unavailable`.
             * @example ok
             */
            database: string;
            ok: boolean;
            /** @description Only where keys are fetched from an issuer. */
            signIn?: string | null;
            /** @example ok */
            status: string;
            /**
             * @description `ok`; `full` while its disk is full up to the reserve, so that uploads are refused and reads
             *     and deletes work; or `unavailable`.
             * @example ok
             */
            store: string;
        };
        /** @description A part that came. */
        ReceivedFilePart: {
            /** @description The CRC-32 of the bytes, eight hexadecimal digits. */
            crc32: string;
            /** Format: int32 */
            partNumber: number;
            /**
             * Format: int64
             * @description Bytes.
             */
            size: number;
        };
        /** @description A key that signatures are made with, or accepted from. */
        ServerKey: {
            /** @description Such as `RSA-2048`, `ES256` or `HMAC-SHA256`. */
            algorithm: string;
            /** @description The SHA-256 of the public key (DER `SubjectPublicKeyInfo`) in hex; null for a secret, which has no public part. */
            fingerprint?: string | null;
            /** @description The id that stands in what is signed. */
            id: string;
            /** @description When its file came to its place; null for a key without one. */
            since?: string | null;
            /** @description `setting`, `generated`, `file` (in `EDGE_KEYS`) or `issuer` (from `AUTH_JWKS_URL`). */
            source: string;
            /** @description `signing`: new signatures are made with it. `accepted`: only those that there are. */
            state: string;
            /** @description `edge`, `tokens`, `links` or `s3`. */
            use: string;
        };
        /** @description The keys of the server that answers. */
        ServerKeys: {
            signing: components["schemas"]["ServerKey"][];
        };
        /** @description A setting, and its value in effect. */
        ServerSetting: {
            /** @description Null if there is none, or if it depends on other settings. */
            default?: string | null;
            description: string;
            /** @description Whether it was given, rather than the default. */
            given: boolean;
            name: string;
            /** @description Whether its value is never shown. */
            secret: boolean;
            section: string;
            /** @description Null for a secret, and where there is none. URLs are shown without credentials and queries. */
            value?: string | null;
        };
        /** @description All settings of the server that answers. */
        ServerSettings: {
            settings: components["schemas"]["ServerSetting"][];
        };
        /** @description A session. */
        Session: {
            /** Format: uuid */
            id: string;
        };
        /** @description A page of sessions, newest first. */
        SessionPage: {
            /** @description `after` of the next page; absent on the last. */
            next?: string | null;
            sessions: components["schemas"]["SessionSummary"][];
        };
        /** @description A session that is to be. */
        SessionRequest: {
            /**
             * Format: uuid
             * @description The client's own id; one is made where none is given.
             */
            id?: string | null;
        };
        /** @description A session in a listing. */
        SessionSummary: {
            createdAt: string;
            /** Format: uuid */
            id: string;
        };
        /** @description How users sign in, and which other origins pages of this server reach. */
        SignInMethods: {
            /** @description The origin of the edge or the CDN; null if there is neither. */
            edge?: string | null;
            /** @description `AUTH_MODE`: `dev`, `jwt`, `authorizer` or `none`. */
            mode: string;
            oidc?: components["schemas"]["OidcProvider"] | null;
            /** @description The origins that presigned requests lead to. */
            stores: string[];
        };
        /** @description A signature of the CDN: over one asset, or over all of a package's. */
        SignedAssets: components["schemas"]["SignedPackageAsset"] | components["schemas"]["SignedPackagePrefix"];
        SignedImagePart: {
            /** Format: int32 */
            partNumber: number;
            url: string;
        };
        /** @description The answer to `partNumber`. */
        SignedImagePartAlone: {
            /** @description When it ends. */
            expiresAt: string;
            /** @description PUT the part here. */
            url: string;
        };
        /** @description The answer to `partNumbers`. */
        SignedImagePartList: {
            /** @description When the first of them ends. */
            expiresAt: string;
            /** @description In the order asked for. */
            urls: components["schemas"]["SignedImagePart"][];
        };
        /** @description A presigned PUT, or one per part asked for. */
        SignedImageParts: components["schemas"]["SignedImagePartAlone"] | components["schemas"]["SignedImagePartList"];
        /** @description Over one. */
        SignedPackageAsset: {
            /**
             * Format: int64
             * @description Epoch seconds.
             */
            expires_at: number;
            /**
             * Format: int64
             * @description Epoch seconds from which asking again gives a later end.
             */
            refresh_after: number;
            signed_url: string;
        };
        /** @description Over all. */
        SignedPackagePrefix: {
            /** @description What paths are put behind; ends with a slash. */
            base_url: string;
            /**
             * Format: int64
             * @description Epoch seconds.
             */
            expires_at: number;
            /** @description Only where it is not SHA1. */
            hash_algorithm?: string | null;
            key_pair_id: string;
            policy: string;
            /** @description To be put behind each URL, after `?`. */
            query: string;
            /**
             * Format: int64
             * @description Epoch seconds from which asking again gives a later end.
             */
            refresh_after: number;
            signature: string;
        };
        /** @description A space, as the caller sees it. */
        Space: {
            /**
             * Format: int64
             * @description Their bytes, thumbnails aside.
             */
            bytes: number;
            createdAt: string;
            id: string;
            /**
             * Format: int64
             * @description Images that are READY.
             */
            imageCount: number;
            name: string;
            /** @description `owner`, `editor` or `viewer`; absent for a service. */
            role?: string | null;
        };
        /** @description An image of a space. */
        SpaceImage: {
            archive?: components["schemas"]["ArchiveStatus"] | null;
            /** @description A blurred preview; see blurha.sh. */
            blurhash?: string | null;
            /** @description Where it can be read until `expiresAt`, once it is READY. */
            cloudfrontUrl?: string | null;
            contentType: string;
            createdAt: string;
            createdBy: string;
            /**
             * Format: int32
             * @description Pixels, as it is looked at.
             */
            height?: number | null;
            id: string;
            /** @description As its uploader called it. */
            name?: string | null;
            /** @description Why it is `REJECTED` or `FAILED`. */
            reason?: string | null;
            /** @description Where it lies, once it is READY. */
            s3Key?: string | null;
            /** @description `clean`, `skipped` where there is no scanner, `unscanned` where it was too large. */
            scan?: string | null;
            /**
             * Format: int64
             * @description Bytes.
             */
            size?: number | null;
            spaceId: string;
            /** @description `PENDING`, `SCANNING`, `PROCESSING`, `READY`, `REJECTED` or `FAILED`. */
            status: string;
            /** @description The smallest first. */
            thumbnails: components["schemas"]["Thumbnail"][];
            /**
             * Format: int32
             * @description Pixels, as it is looked at.
             */
            width?: number | null;
        };
        /** @description A link to one file of an image. */
        SpaceImageLink: {
            /** @description When it ends. */
            expiresAt: string;
            /** @description A secret while it lives: it works for whoever has it. */
            url: string;
        };
        /** @description A link that is asked for. */
        SpaceImageLinkRequest: {
            /**
             * Format: int64
             * @description How long it works: from 1 to `SPACE_LINK_MAX_SECONDS`; for viewers to `GRANT_TTL_SECONDS` at most.
             */
            ttlSeconds: number;
            /** @description `original`, which is usual, or the `name` of a thumbnail. */
            variant?: string | null;
        };
        /** @description Images, and when their URLs end. */
        SpaceImagePage: {
            /** @description When the URLs end; null where there are none. */
            expiresAt?: string | null;
            images: components["schemas"]["SpaceImage"][];
            /** @description Of a refresh: ids that are not in this space. */
            missing?: string[] | null;
            /** @description For the next page; absent on the last. */
            nextCursor?: string | null;
            /** @description From when on asking again gives URLs that end later. */
            refreshAfter?: string | null;
            /**
             * Format: int64
             * @description How many there are in all; absent with `cursor`.
             */
            total?: number | null;
            /** @description With `urls=shared`: what goes behind the `?` of each URL. */
            urlQuery?: string | null;
        };
        /** @description An image that is to come. */
        SpaceImageRequest: {
            /** @description `image/jpeg`, `image/png`, `image/gif` or `image/webp`. */
            contentType: string;
            filename: string;
            /** @description Of what is sent, in hexadecimal digits. */
            sha256?: string | null;
            /**
             * Format: int64
             * @description Bytes. Where it is given, no other number of them is taken.
             */
            size?: number | null;
        };
        /** @description Where an image may be sent by one PUT. */
        SpaceImageUpload: {
            /** @description When it ends. */
            expiresAt: string;
            /**
             * Format: int64
             * @description Seconds that the URL works.
             */
            expiresIn: number;
            /** @description Headers that must be sent just so. */
            headers: {
                [key: string]: string;
            };
            /** @description What to confirm. */
            id: string;
            method: string;
            /** @description A presigned URL. A secret while it lives. */
            uploadUrl: string;
        };
        /** @description An image, and when its URL ends. */
        SpaceImageWithTimes: components["schemas"]["SpaceImage"] & {
            /** @description When its URLs end; null where it has none. */
            expiresAt?: string | null;
            /** @description From when on asking again gives URLs that end later. */
            refreshAfter?: string | null;
        };
        /** @description Somebody who belongs to a space. */
        SpaceMember: {
            addedAt: string;
            /** @description `owner`, `editor` or `viewer`. */
            role: string;
            userId: string;
        };
        /** @description A page of members, in the order of their ids. */
        SpaceMemberPage: {
            members: components["schemas"]["SpaceMember"][];
            /** @description For the next page; absent on the last. */
            nextCursor?: string | null;
        };
        /** @description A page of spaces, the newest first. */
        SpacePage: {
            /** @description For the next page; absent on the last. */
            nextCursor?: string | null;
            spaces: components["schemas"]["Space"][];
        };
        /** @description A space that is to be. */
        SpaceRequest: {
            /** @description For people, up to 200 bytes. */
            name: string;
        };
        /** @description What a member may do. */
        SpaceRoleRequest: {
            /** @description `owner`, `editor` or `viewer`. */
            role: string;
        };
        /** @description What was started. */
        StartedBulk: {
            /** @description By which it is asked about. */
            id: string;
        };
        /** @description What was begun. */
        StartedImport: {
            images: components["schemas"]["ImportedImage"][];
            /** @description Keys at which nothing lies. */
            missing: string[];
        };
        /** @description What one of a session's media became, and when. */
        StatusChange: {
            archive?: components["schemas"]["ArchiveStatus"] | null;
            at: string;
            /** Format: uuid */
            mediaId: string;
            /** @description Why it is `REJECTED` or `SCAN_FAILED`. */
            reason?: string | null;
            status: components["schemas"]["MediaStatus"];
        };
        /** @description A part that is stored. */
        StoredFilePart: {
            /** Format: int32 */
            partNumber: number;
            status: string;
        };
        /** @description A part that is stored. */
        StoredImagePart: {
            /** @description With quotes, as the PUT answered it. */
            etag: string;
            /** Format: int32 */
            partNumber: number;
            /** Format: int64 */
            size: number;
        };
        /** @description What authorizes the stream. */
        StreamAuth: components["schemas"]["StreamAuthByCookies"] | components["schemas"]["StreamAuthByUrl"] | components["schemas"]["StreamAuthBySignIn"];
        /** @description Cookies, also set by this answer. */
        StreamAuthByCookies: {
            /** @description The cookies. */
            cookies: components["schemas"]["StreamCookie"][];
            /** @description When they end. */
            expiresAt: string;
            /** @description From when on asking again gives later ones. */
            refreshAfter: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "cookie";
        };
        /** @description The same sign-in as for this request; `url` is at this server. */
        StreamAuthBySignIn: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "none";
        };
        /** @description The signature in `url`. */
        StreamAuthByUrl: {
            /** @description When it ends. */
            expiresAt: string;
            /** @description From when on asking again gives a later one. */
            refreshAfter: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "url";
        };
        StreamCookie: {
            /** @description As in `Set-Cookie`. */
            attributes: string[];
            name: string;
            value: string;
        };
        /** @description Where to stream an image from. */
        StreamUrl: {
            auth: components["schemas"]["StreamAuth"];
            etag: string;
            /** Format: int64 */
            size: number;
            url: string;
        };
        /** @description An image that was archived, or was not. */
        ThawedImage: {
            archive: components["schemas"]["ArchiveStatus"];
            imageId: string;
        };
        /** @description A smaller copy of an image. */
        Thumbnail: {
            contentType: string;
            /** Format: int32 */
            height: number;
            /** @description The `variant` of a link to it, such as `320.webp`. */
            name: string;
            /** @description Signed as the image's own; null where there is neither edge nor CDN. */
            url?: string | null;
            /** Format: int32 */
            width: number;
        };
        /** @description Whom a token is for. */
        TokenRequest: {
            /** @description The user's roles in datasets, by the ids of these: viewer, editor, manager or owner. */
            datasets?: {
                [key: string]: string;
            };
            /**
             * Format: int64
             * @description Seconds, from 60 to 86400; an hour if left out.
             */
            expiresIn?: number | null;
            /** @description The user's organisation. */
            org?: string | null;
            /** @description `admin`, or nothing. */
            roles?: string[];
            userId: string;
        };
        /** @description A header that must be sent just so. */
        UploadHeader: {
            name: string;
            value: string;
        };
        /** @description What the owners of a kind got on a day. */
        UsageDay: {
            /**
             * Format: int64
             * @description Their bytes.
             */
            bytes: number;
            /** @description As 2026-11-21, UTC. */
            day: string;
            kind: string;
            /**
             * Format: int64
             * @description Objects that became readable.
             */
            objects: number;
        };
        /** @description What was added on each day. Days on which nothing was added are left out. */
        UsageDays: {
            days: components["schemas"]["UsageDay"][];
        };
        /** @description What an owner uses. */
        UsageOfOwner: {
            /**
             * Format: int64
             * @description Their bytes.
             */
            bytes: number;
            id: string;
            kind: string;
            /**
             * Format: int64
             * @description How many bytes it may have, its own limit or the configured one.
             */
            limitBytes?: number | null;
            /** @description The name of a space or a dataset; null for others. */
            name?: string | null;
            /**
             * Format: int64
             * @description Readable objects.
             */
            objects: number;
        };
        /** @description A page of owners, those that use the most bytes first. */
        UsageResponse: {
            /** @description For the next page; absent on the last. */
            nextCursor?: string | null;
            owners: components["schemas"]["UsageOfOwner"][];
            totals: components["schemas"]["UsageTotal"][];
        };
        /** @description What all owners of a kind use together. */
        UsageTotal: {
            /**
             * Format: int64
             * @description Their bytes.
             */
            bytes: number;
            kind: string;
            /**
             * Format: int64
             * @description Readable objects.
             */
            objects: number;
            /**
             * Format: int64
             * @description Owners with readable objects.
             */
            owners: number;
        };
        /** @description Which parts to sign for: one by `partNumber`, or many by `partNumbers`. */
        WantedImageParts: {
            /**
             * Format: int32
             * @description From 1 to 10,000.
             */
            partNumber?: number | null;
            /** @description Up to 1,000 numbers. */
            partNumbers?: number[] | null;
            uploadId: string;
        };
        /** @description Which images' URLs are asked for. */
        WantedImages: {
            /** @description Up to 1,000. */
            ids: string[];
        };
        /** @description Parts to be sent. */
        WantedPackageParts: {
            /** @description From 1 to 10,000; up to 1,000 of them. */
            partNumbers: number[];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    get_jwks: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A JWK Set. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_spaces: {
        parameters: {
            query?: {
                /** @description From 1 to 1000; 100 where it is not said. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of spaces, the newest first. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SpacePage"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    create_space: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "name": "Holidays"
                 *     }
                 */
                "application/json": components["schemas"]["SpaceRequest"];
            };
        };
        responses: {
            /** @description A space, as the caller sees it. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Space"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_space: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The space
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000002
                 */
                spaceId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A space, as the caller sees it. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Space"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    delete_space: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The space
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000002
                 */
                spaceId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request was accepted; the work goes on after the answer. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    watch_space: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The space
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000002
                 */
                spaceId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What an image became, and when. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["ImageChange"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    grant_space_cookies: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The space
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000002
                 */
                spaceId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded; the answer has no body. */
            204: {
                headers: {
                    /** @description The signed cookies, in one line each */
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_space_images: {
        parameters: {
            query?: {
                /** @description From 1 to 1000; 100 where it is not said. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
                /** @description Instead of `cursor`: the number of items to pass over, from 0. */
                offset?: number;
                /** @description `READY`, which is usual, `PENDING`, `SCANNING`, `PROCESSING`, `REJECTED`, `FAILED` or `ALL`. */
                status?: string;
                /** @description With `shared`, what all URLs have in common is said once, in `urlQuery`. */
                urls?: string;
            };
            header?: never;
            path: {
                /**
                 * @description The space
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000002
                 */
                spaceId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Images, and when their URLs end. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SpaceImagePage"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    create_space_image: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The space
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000002
                 */
                spaceId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "contentType": "image/jpeg",
                 *       "filename": "beach.jpg"
                 *     }
                 */
                "application/json": components["schemas"]["SpaceImageRequest"];
            };
        };
        responses: {
            /** @description Where an image may be sent by one PUT. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SpaceImageUpload"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    import_space_images: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The space
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000002
                 */
                spaceId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "s3Key": [
                 *         "legacy/gallery/beach.jpg"
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["ImportRequest"];
            };
        };
        responses: {
            /** @description What was begun. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StartedImport"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    refresh_space_images: {
        parameters: {
            query?: {
                /** @description With `shared`, what all URLs have in common is said once, in `urlQuery`. */
                urls?: string;
            };
            header?: never;
            path: {
                /**
                 * @description The space
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000002
                 */
                spaceId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "ids": [
                 *         "019a1c40-5b1e-7c02-9a3d-5e8f00000003"
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["WantedImages"];
            };
        };
        responses: {
            /** @description Images, and when their URLs end. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SpaceImagePage"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_space_image: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The space
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000002
                 */
                spaceId: string;
                /**
                 * @description The image
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000003
                 */
                imageId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description An image, and when its URL ends. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SpaceImageWithTimes"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    delete_space_image: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The space
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000002
                 */
                spaceId: string;
                /**
                 * @description The image
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000003
                 */
                imageId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded; the answer has no body. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    confirm_space_image: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The space
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000002
                 */
                spaceId: string;
                /**
                 * @description The image
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000003
                 */
                imageId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description An image, and when its URL ends. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SpaceImageWithTimes"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_space_image_history: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The space
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000002
                 */
                spaceId: string;
                /**
                 * @description The image
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000003
                 */
                imageId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ImageChange"][];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    link_space_image: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The space
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000002
                 */
                spaceId: string;
                /**
                 * @description The image
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000003
                 */
                imageId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "ttlSeconds": 600,
                 *       "variant": "original"
                 *     }
                 */
                "application/json": components["schemas"]["SpaceImageLinkRequest"];
            };
        };
        responses: {
            /** @description A link to one file of an image. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SpaceImageLink"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    restore_space_image: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The space
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000002
                 */
                spaceId: string;
                /**
                 * @description The image
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000003
                 */
                imageId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description An image, and when its URL ends. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SpaceImageWithTimes"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    retry_space_image: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The space
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000002
                 */
                spaceId: string;
                /**
                 * @description The image
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000003
                 */
                imageId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description An image, and when its URL ends. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SpaceImageWithTimes"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    thaw_space_image: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The space
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000002
                 */
                spaceId: string;
                /**
                 * @description The image
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000003
                 */
                imageId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description An image, and when its URL ends. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SpaceImageWithTimes"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    sign_space_image_upload: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The space
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000002
                 */
                spaceId: string;
                /**
                 * @description The image
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000003
                 */
                imageId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Where an image may be sent by one PUT. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SpaceImageUpload"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_space_members: {
        parameters: {
            query?: {
                /** @description From 1 to 1000; 100 where it is not said. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description The space
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000002
                 */
                spaceId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of members, in the order of their ids. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SpaceMemberPage"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    set_space_member: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The space
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000002
                 */
                spaceId: string;
                /**
                 * @description The member
                 * @example bob
                 */
                userId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "role": "editor"
                 *     }
                 */
                "application/json": components["schemas"]["SpaceRoleRequest"];
            };
        };
        responses: {
            /** @description Somebody who belongs to a space. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SpaceMember"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    remove_space_member: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The space
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000002
                 */
                spaceId: string;
                /**
                 * @description The member
                 * @example bob
                 */
                userId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded; the answer has no body. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_space_trash: {
        parameters: {
            query?: {
                /** @description From 1 to 1000; 100 where it is not said. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
                /** @description Instead of `cursor`: the number of items to pass over, from 0. */
                offset?: number;
            };
            header?: never;
            path: {
                /**
                 * @description The space
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000002
                 */
                spaceId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of what was deleted, the latest first. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeletedImagePage"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    empty_space_trash: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The space
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000002
                 */
                spaceId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request was accepted; the work goes on after the answer. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    purge_space_image: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The space
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000002
                 */
                spaceId: string;
                /**
                 * @description The image
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000003
                 */
                imageId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded; the answer has no body. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    read_file_link: {
        parameters: {
            query: {
                /**
                 * @description Epoch seconds.
                 * @example 1790000000
                 */
                exp: number;
                /**
                 * @description The signature over key and `exp`; in version 2 also over `disposition` and what revokes links.
                 * @example signature-of-the-link
                 */
                sig: string;
                /** @description `inline` or `attachment`, as it was signed; of version 2. */
                disposition?: string;
                /** @description Which key signed; of version 2. */
                kid?: string;
                /** @description The version of the link: 1 or 2; 1 if left out. */
                v?: number;
            };
            header?: {
                /** @description The bytes to send, as `bytes=0-1023`; several ranges are sent as `multipart/byteranges` */
                Range?: string;
                /** @description `Range` counts only if the content has this entity tag or date */
                "If-Range"?: string;
                /** @description 304 if the content has one of these entity tags */
                "If-None-Match"?: string;
                /** @description 304 if the content has not changed since; ignored with `If-None-Match` */
                "If-Modified-Since"?: string;
                /** @description 412 unless the content has one of these entity tags */
                "If-Match"?: string;
                /** @description 412 if the content has changed since; ignored with `If-Match` */
                "If-Unmodified-Since"?: string;
            };
            path: {
                /**
                 * @description The file's key in base64url. base64url of the key
                 * @example c3RvcmFnZS9hbGljZS9tYWluL3BpY3R1cmVzL2ltYWdlLmpwZw
                 */
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded. */
            200: {
                headers: {
                    /** @description `bytes` */
                    "Accept-Ranges"?: string;
                    /** @description The number of bytes, also in the answer to HEAD */
                    "Content-Length"?: string;
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            /** @description The requested range of the content. */
            206: {
                headers: {
                    /** @description `bytes` */
                    "Accept-Ranges"?: string;
                    /** @description The number of bytes, also in the answer to HEAD */
                    "Content-Length"?: string;
                    /** @description Which bytes these are, and of how many; of several ranges each part says it */
                    "Content-Range"?: string;
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            /** @description The content is what the client has already. */
            304: {
                headers: {
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description A precondition of the request does not hold. */
            412: {
                headers: {
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The content has none of the requested bytes. */
            416: {
                headers: {
                    /** @description How many bytes there are, as `bytes *\/1000` */
                    "Content-Range"?: string;
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    head_file_link: {
        parameters: {
            query: {
                /**
                 * @description Epoch seconds.
                 * @example 1790000000
                 */
                exp: number;
                /**
                 * @description The signature over key and `exp`; in version 2 also over `disposition` and what revokes links.
                 * @example signature-of-the-link
                 */
                sig: string;
                /** @description `inline` or `attachment`, as it was signed; of version 2. */
                disposition?: string;
                /** @description Which key signed; of version 2. */
                kid?: string;
                /** @description The version of the link: 1 or 2; 1 if left out. */
                v?: number;
            };
            header?: {
                /** @description 304 if the content has one of these entity tags */
                "If-None-Match"?: string;
                /** @description 304 if the content has not changed since; ignored with `If-None-Match` */
                "If-Modified-Since"?: string;
                /** @description 412 unless the content has one of these entity tags */
                "If-Match"?: string;
                /** @description 412 if the content has changed since; ignored with `If-Match` */
                "If-Unmodified-Since"?: string;
            };
            path: {
                /**
                 * @description The file's key in base64url
                 * @example c3RvcmFnZS9hbGljZS9tYWluL3BpY3R1cmVzL2ltYWdlLmpwZw
                 */
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded. */
            200: {
                headers: {
                    /** @description `bytes` */
                    "Accept-Ranges"?: string;
                    /** @description The number of bytes, also in the answer to HEAD */
                    "Content-Length"?: string;
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The content is what the client has already. */
            304: {
                headers: {
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A precondition of the request does not hold. */
            412: {
                headers: {
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description That the process answers. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
        };
    };
    get_disk_health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description That the process answers, and what it has to write to. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DiskHealth"];
                };
            };
        };
    };
    get_metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    create_package: {
        parameters: {
            query: {
                /**
                 * @description The dataset, as `N:dataset:…`.
                 * @example N:dataset:019a1c40-5b1e-7c02-9a3d-5e8f00000006
                 */
                dataset_id: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "contentType": "text/csv",
                 *       "filename": "scan-001.csv",
                 *       "name": "scan-001"
                 *     }
                 */
                "application/json": components["schemas"]["PackageRequest"];
            };
        };
        responses: {
            /** @description Where to send a file. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PackageUpload"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    delete_packages: {
        parameters: {
            query: {
                /**
                 * @description The dataset, as `N:dataset:…`.
                 * @example N:dataset:019a1c40-5b1e-7c02-9a3d-5e8f00000006
                 */
                dataset_id: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "nodeIds": [
                 *         "N:package:019a1c40-5b1e-7c02-9a3d-5e8f00000007"
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["NodeIds"];
            };
        };
        responses: {
            /** @description What became of each. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NodeOutcomes"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_package_assets: {
        parameters: {
            query: {
                /**
                 * @description The dataset, as `N:dataset:…`.
                 * @example N:dataset:019a1c40-5b1e-7c02-9a3d-5e8f00000006
                 */
                dataset_id: string;
                /**
                 * @description The package, as `N:package:…`.
                 * @example N:package:019a1c40-5b1e-7c02-9a3d-5e8f00000007
                 */
                package_id: string;
                /** @description That asset alone. */
                path?: string;
                /** @description 1 to 1,000; 100 if left out. */
                limit?: number;
                /** @description Where the page before said to go on. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of assets, in the order of their paths. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PackageAssetPage"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    create_package_asset: {
        parameters: {
            query: {
                /**
                 * @description The dataset, as `N:dataset:…`.
                 * @example N:dataset:019a1c40-5b1e-7c02-9a3d-5e8f00000006
                 */
                dataset_id: string;
                /**
                 * @description The package, as `N:package:…`.
                 * @example N:package:019a1c40-5b1e-7c02-9a3d-5e8f00000007
                 */
                package_id: string;
                /**
                 * @description The asset below the package.
                 * @example view/index.json
                 */
                path: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "contentType": "application/json"
                 *     }
                 */
                "application/json": components["schemas"]["PackageFileRequest"];
            };
        };
        responses: {
            /** @description Where to send a file. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PackageUpload"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    delete_package_asset: {
        parameters: {
            query: {
                /**
                 * @description The dataset, as `N:dataset:…`.
                 * @example N:dataset:019a1c40-5b1e-7c02-9a3d-5e8f00000006
                 */
                dataset_id: string;
                /**
                 * @description The package, as `N:package:…`.
                 * @example N:package:019a1c40-5b1e-7c02-9a3d-5e8f00000007
                 */
                package_id: string;
                /**
                 * @description The asset below the package.
                 * @example view/index.json
                 */
                path: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded; the answer has no body. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_package_changes: {
        parameters: {
            query: {
                /**
                 * @description The dataset, as `N:dataset:…`.
                 * @example N:dataset:019a1c40-5b1e-7c02-9a3d-5e8f00000006
                 */
                dataset_id: string;
                /** @description Of one package or collection only. */
                package_id?: string;
                /** @description 1 to 1,000; 100 if left out. */
                limit?: number;
                /** @description Where the page before said to go on. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of a changelog, the latest first. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PackageChangePage"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_package_children: {
        parameters: {
            query: {
                /**
                 * @description The dataset, as `N:dataset:…`.
                 * @example N:dataset:019a1c40-5b1e-7c02-9a3d-5e8f00000006
                 */
                dataset_id: string;
                /** @description The collection; the top of the dataset if left out. */
                parent_id?: string;
                /** @description READY if left out; PENDING, SCANNING, REJECTED, FAILED, or ALL that is there; DELETED for what can be restored. */
                status?: string;
                /** @description 1 to 1,000; 100 if left out. */
                limit?: number;
                /** @description Where the page before said to go on. */
                cursor?: string;
                /** @description Instead of `cursor`: the number of items to pass over, from 0. */
                offset?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of what lies in a collection. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PackageNodePage"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    sign_package_assets: {
        parameters: {
            query: {
                /**
                 * @description The dataset, as `N:dataset:…`.
                 * @example N:dataset:019a1c40-5b1e-7c02-9a3d-5e8f00000006
                 */
                dataset_id: string;
                /**
                 * @description The package, as `N:package:…`.
                 * @example N:package:019a1c40-5b1e-7c02-9a3d-5e8f00000007
                 */
                package_id: string;
                /**
                 * @description The asset below the package; needed unless `scope` is `prefix`, where it has no effect.
                 * @example view/index.json
                 */
                path?: string;
                /** @description `prefix`: over all assets of the package. */
                scope?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A signature of the CDN: over one asset, or over all of a package's. */
            200: {
                headers: {
                    /** @description The signed cookies of `scope=prefix`, in one line each */
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignedAssets"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    create_collection: {
        parameters: {
            query: {
                /**
                 * @description The dataset, as `N:dataset:…`.
                 * @example N:dataset:019a1c40-5b1e-7c02-9a3d-5e8f00000006
                 */
                dataset_id: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "name": "Raw data"
                 *     }
                 */
                "application/json": components["schemas"]["CollectionRequest"];
            };
        };
        responses: {
            /** @description A collection or a package. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PackageNode"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_datasets: {
        parameters: {
            query?: {
                /** @description 1 to 1,000; 100 if left out. */
                limit?: number;
                /** @description Where the page before said to go on. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of datasets. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DatasetPage"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    create_dataset: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "name": "Cells"
                 *     }
                 */
                "application/json": components["schemas"]["DatasetRequest"];
            };
        };
        responses: {
            /** @description A dataset. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Dataset"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_dataset: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The dataset
                 * @example N:dataset:019a1c40-5b1e-7c02-9a3d-5e8f00000006
                 */
                datasetId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A dataset. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Dataset"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_dataset_members: {
        parameters: {
            query?: {
                /** @description 1 to 1,000; 100 if left out. */
                limit?: number;
                /** @description Where the page before said to go on. */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description The dataset
                 * @example N:dataset:019a1c40-5b1e-7c02-9a3d-5e8f00000006
                 */
                datasetId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of members. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DatasetMemberPage"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    set_dataset_member: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The dataset
                 * @example N:dataset:019a1c40-5b1e-7c02-9a3d-5e8f00000006
                 */
                datasetId: string;
                /**
                 * @description The member
                 * @example bob
                 */
                userId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "role": "editor"
                 *     }
                 */
                "application/json": components["schemas"]["DatasetRoleRequest"];
            };
        };
        responses: {
            /** @description Somebody who belongs to a dataset. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DatasetMember"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    remove_dataset_member: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The dataset
                 * @example N:dataset:019a1c40-5b1e-7c02-9a3d-5e8f00000006
                 */
                datasetId: string;
                /**
                 * @description The member
                 * @example bob
                 */
                userId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded; the answer has no body. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    create_download_manifest: {
        parameters: {
            query: {
                /**
                 * @description The dataset, as `N:dataset:…`.
                 * @example N:dataset:019a1c40-5b1e-7c02-9a3d-5e8f00000006
                 */
                dataset_id: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "nodeIds": [
                 *         "N:package:019a1c40-5b1e-7c02-9a3d-5e8f00000007"
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["NodeIds"];
            };
        };
        responses: {
            /** @description What to download. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Manifest"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    presign_package: {
        parameters: {
            query: {
                /**
                 * @description The dataset, as `N:dataset:…`.
                 * @example N:dataset:019a1c40-5b1e-7c02-9a3d-5e8f00000006
                 */
                dataset_id: string;
                /**
                 * @description The package, as `N:package:…`.
                 * @example N:package:019a1c40-5b1e-7c02-9a3d-5e8f00000007
                 */
                package_id: string;
                /** @description The asset below the package; the source file if left out. */
                path?: string;
                /** @description `false`: the URL in JSON instead of a redirect. */
                redirect?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A presigned URL. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PresignedPackageUrl"];
                };
            };
            /** @description The content is at the presigned URL in `Location`. */
            307: {
                headers: {
                    /** @description Where to read it */
                    Location?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    head_package: {
        parameters: {
            query: {
                /**
                 * @description The dataset, as `N:dataset:…`.
                 * @example N:dataset:019a1c40-5b1e-7c02-9a3d-5e8f00000006
                 */
                dataset_id: string;
                /**
                 * @description The package, as `N:package:…`.
                 * @example N:package:019a1c40-5b1e-7c02-9a3d-5e8f00000007
                 */
                package_id: string;
                /** @description The asset below the package; the source file if left out. */
                path?: string;
                /** @description `false`: the URL in JSON instead of a redirect. */
                redirect?: string;
            };
            header?: {
                /** @description 304 if the content has one of these entity tags */
                "If-None-Match"?: string;
                /** @description 304 if the content has not changed since; ignored with `If-None-Match` */
                "If-Modified-Since"?: string;
                /** @description 412 unless the content has one of these entity tags */
                "If-Match"?: string;
                /** @description 412 if the content has changed since; ignored with `If-Match` */
                "If-Unmodified-Since"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded. */
            200: {
                headers: {
                    /** @description `bytes` */
                    "Accept-Ranges"?: string;
                    /** @description The number of bytes, also in the answer to HEAD */
                    "Content-Length"?: string;
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The content is what the client has already. */
            304: {
                headers: {
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A precondition of the request does not hold. */
            412: {
                headers: {
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    follow_presigned_url: {
        parameters: {
            query: {
                /**
                 * @description the URL, percent-encoded; parameters that arrive beside it belong to it
                 * @example https://bucket.s3.amazonaws.com/O1/D1/P1/source?X-Amz-Signature=0123abcd
                 */
                presigned_url: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The content is at the URL in `Location`. */
            307: {
                headers: {
                    /** @description Where to read it */
                    Location?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    describe_presigned_url_proxy: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded; the answer has no body. */
            204: {
                headers: {
                    /** @description The methods it takes */
                    Allow?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    head_presigned_url: {
        parameters: {
            query: {
                /**
                 * @description the URL, percent-encoded; parameters that arrive beside it belong to it
                 * @example https://bucket.s3.amazonaws.com/O1/D1/P1/source?X-Amz-Signature=0123abcd
                 */
                presigned_url: string;
            };
            header?: {
                /** @description 304 if the content has one of these entity tags */
                "If-None-Match"?: string;
                /** @description 304 if the content has not changed since; ignored with `If-None-Match` */
                "If-Modified-Since"?: string;
                /** @description 412 unless the content has one of these entity tags */
                "If-Match"?: string;
                /** @description 412 if the content has changed since; ignored with `If-Match` */
                "If-Unmodified-Since"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded. */
            200: {
                headers: {
                    /** @description `bytes` */
                    "Accept-Ranges"?: string;
                    /** @description The number of bytes, also in the answer to HEAD */
                    "Content-Length"?: string;
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The content is what the client has already. */
            304: {
                headers: {
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A precondition of the request does not hold. */
            412: {
                headers: {
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    restore_packages: {
        parameters: {
            query: {
                /**
                 * @description The dataset, as `N:dataset:…`.
                 * @example N:dataset:019a1c40-5b1e-7c02-9a3d-5e8f00000006
                 */
                dataset_id: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "nodeIds": [
                 *         "N:package:019a1c40-5b1e-7c02-9a3d-5e8f00000007"
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["NodeIds"];
            };
        };
        responses: {
            /** @description What became of each. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NodeOutcomes"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    thaw_packages: {
        parameters: {
            query: {
                /**
                 * @description The dataset, as `N:dataset:…`.
                 * @example N:dataset:019a1c40-5b1e-7c02-9a3d-5e8f00000006
                 */
                dataset_id: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "nodeIds": [
                 *         "N:package:019a1c40-5b1e-7c02-9a3d-5e8f00000007"
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["NodeIds"];
            };
        };
        responses: {
            /** @description What became of each. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NodeOutcomes"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_package: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The package; or the collection or the asset, where the operation takes one
                 * @example N:package:019a1c40-5b1e-7c02-9a3d-5e8f00000007
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A collection or a package. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PackageNode"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    confirm_package: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The package; or the collection or the asset, where the operation takes one
                 * @example N:package:019a1c40-5b1e-7c02-9a3d-5e8f00000007
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "parts": [
                 *         {
                 *           "etag": "5d41402abc4b2a76b9719d911017c592",
                 *           "partNumber": 1
                 *         }
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["PackageConfirmation"];
            };
        };
        responses: {
            /** @description What was confirmed. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConfirmedPackage"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_package_parts: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The package; or the collection or the asset, where the operation takes one
                 * @example N:package:019a1c40-5b1e-7c02-9a3d-5e8f00000007
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Parts that were sent. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PackageParts"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    sign_package_parts: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The package; or the collection or the asset, where the operation takes one
                 * @example N:package:019a1c40-5b1e-7c02-9a3d-5e8f00000007
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "partNumbers": [
                 *         1
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["WantedPackageParts"];
            };
        };
        responses: {
            /** @description Where to PUT parts. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PackagePartUrls"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_readiness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What is reachable. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                };
            };
        };
    };
    read_public_file: {
        parameters: {
            query?: never;
            header?: {
                /** @description The bytes to send, as `bytes=0-1023`; several ranges are sent as `multipart/byteranges` */
                Range?: string;
                /** @description `Range` counts only if the content has this entity tag or date */
                "If-Range"?: string;
                /** @description 304 if the content has one of these entity tags */
                "If-None-Match"?: string;
                /** @description 304 if the content has not changed since; ignored with `If-None-Match` */
                "If-Modified-Since"?: string;
                /** @description 412 unless the content has one of these entity tags */
                "If-Match"?: string;
                /** @description 412 if the content has changed since; ignored with `If-Match` */
                "If-Unmodified-Since"?: string;
            };
            path: {
                /**
                 * @description The user
                 * @example alice
                 */
                user_id: string;
                /**
                 * @description The file's key below the user's folder. It may contain slashes, as they are or as `%2F`.
                 * @example main/pictures/image.jpg
                 */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded. */
            200: {
                headers: {
                    /** @description `bytes` */
                    "Accept-Ranges"?: string;
                    /** @description The number of bytes, also in the answer to HEAD */
                    "Content-Length"?: string;
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            /** @description The requested range of the content. */
            206: {
                headers: {
                    /** @description `bytes` */
                    "Accept-Ranges"?: string;
                    /** @description The number of bytes, also in the answer to HEAD */
                    "Content-Length"?: string;
                    /** @description Which bytes these are, and of how many; of several ranges each part says it */
                    "Content-Range"?: string;
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            /** @description The content is what the client has already. */
            304: {
                headers: {
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description A precondition of the request does not hold. */
            412: {
                headers: {
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The content has none of the requested bytes. */
            416: {
                headers: {
                    /** @description How many bytes there are, as `bytes *\/1000` */
                    "Content-Range"?: string;
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    head_public_file: {
        parameters: {
            query?: never;
            header?: {
                /** @description 304 if the content has one of these entity tags */
                "If-None-Match"?: string;
                /** @description 304 if the content has not changed since; ignored with `If-None-Match` */
                "If-Modified-Since"?: string;
                /** @description 412 unless the content has one of these entity tags */
                "If-Match"?: string;
                /** @description 412 if the content has changed since; ignored with `If-Match` */
                "If-Unmodified-Since"?: string;
            };
            path: {
                /**
                 * @description The user
                 * @example alice
                 */
                user_id: string;
                /**
                 * @description The file's key below the user's folder. It may contain slashes, as they are or as `%2F`.
                 * @example main/pictures/image.jpg
                 */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded. */
            200: {
                headers: {
                    /** @description `bytes` */
                    "Accept-Ranges"?: string;
                    /** @description The number of bytes, also in the answer to HEAD */
                    "Content-Length"?: string;
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The content is what the client has already. */
            304: {
                headers: {
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A precondition of the request does not hold. */
            412: {
                headers: {
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    list_audit_events: {
        parameters: {
            query?: {
                /** @description The user whose images they are about. Left out: the caller's own, and for an admin or a service everybody's. */
                owner?: string;
                /**
                 * @description What sort of things `owner` has: `disks` (default), `files`, `session`, `space` or `dataset`; with the last three,
                 *     `owner` is the session, space or dataset. An admin or a service may give it without `owner`: then only events about
                 *     such things are listed, whoever has them.
                 */
                kind?: string;
                /** @description The image, file or medium they are about. */
                object?: string;
                /** @description Only this action, such as `upload.completed`; of refusals, the right that was missing. */
                action?: string;
                /** @description Only what this user did; or `service`, or `system`. */
                actor?: string;
                /** @description `done` or `refused`: only that. */
                outcome?: string;
                /** @description From this time on (RFC 3339). */
                since?: string;
                /** @description Before this time (RFC 3339). */
                until?: string;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
                /** @description From 1 to 1000; 100 if left out. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of events, newest first. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventPage"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    start_bulk: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "action": "delete",
                 *       "ids": [
                 *         "019a1c40-5b1e-7c02-9a3d-5e8f00000003"
                 *       ],
                 *       "kind": "space",
                 *       "owner": "019a1c40-5b1e-7c02-9a3d-5e8f00000002"
                 *     }
                 */
                "application/json": components["schemas"]["BulkRequest"];
            };
        };
        responses: {
            /** @description What was started. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StartedBulk"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_bulk: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The bulk action
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000008
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A bulk action. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Bulk"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    delete_file_folder: {
        parameters: {
            query: {
                user_id?: string;
                user_email?: string;
                /**
                 * @description The folder
                 * @example main/pictures
                 */
                folder: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A folder that is gone; its bytes follow. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeletedFolder"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_files: {
        parameters: {
            query?: {
                /** @description Whom a service asks about. */
                user_id?: string;
                user_email?: string;
                /** @description Those in this folder and in all folders below it. */
                folder?: string;
                /** @description `1`: those in the folder itself only. Without `folder`, those in none. */
                exact?: string;
                /** @description `0`: the same as `exact=1`. */
                subtree?: string;
                /** @description Those whose name holds this. */
                q?: string;
                /** @description `READY` (default), or what is not readable: `SCANNING`, `FAILED`, `REJECTED`. */
                status?: string;
                /** @description 1 to 1000; without it, all. */
                limit?: number;
                cursor?: string;
                /** @description Instead of `cursor`: the number of items to pass over, from 0. */
                offset?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FilePage"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    create_file_archive: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "keys": [
                 *         "storage/alice/main/pictures/image.jpg"
                 *       ],
                 *       "name": "pictures.zip"
                 *     }
                 */
                "application/json": components["schemas"]["FileArchiveRequest"];
            };
        };
        responses: {
            /** @description An archive that can be read. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FileArchive"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    read_file_archive: {
        parameters: {
            query?: never;
            header?: {
                /** @description The bytes to send, as `bytes=0-1023`; several ranges are sent as `multipart/byteranges` */
                Range?: string;
                /** @description `Range` counts only if the content has this entity tag or date */
                "If-Range"?: string;
                /** @description 304 if the content has one of these entity tags */
                "If-None-Match"?: string;
                /** @description 304 if the content has not changed since; ignored with `If-None-Match` */
                "If-Modified-Since"?: string;
                /** @description 412 unless the content has one of these entity tags */
                "If-Match"?: string;
                /** @description 412 if the content has changed since; ignored with `If-Match` */
                "If-Unmodified-Since"?: string;
            };
            path: {
                /**
                 * @description The token of the archive
                 * @example token-of-the-archive
                 */
                token: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded. */
            200: {
                headers: {
                    /** @description `bytes` */
                    "Accept-Ranges"?: string;
                    /** @description The number of bytes, also in the answer to HEAD */
                    "Content-Length"?: string;
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/zip": string;
                };
            };
            /** @description The requested range of the content. */
            206: {
                headers: {
                    /** @description `bytes` */
                    "Accept-Ranges"?: string;
                    /** @description The number of bytes, also in the answer to HEAD */
                    "Content-Length"?: string;
                    /** @description Which bytes these are, and of how many; of several ranges each part says it */
                    "Content-Range"?: string;
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/zip": string;
                };
            };
            /** @description The content is what the client has already. */
            304: {
                headers: {
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description A precondition of the request does not hold. */
            412: {
                headers: {
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The content has none of the requested bytes. */
            416: {
                headers: {
                    /** @description How many bytes there are, as `bytes *\/1000` */
                    "Content-Range"?: string;
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    head_file_archive: {
        parameters: {
            query?: never;
            header?: {
                /** @description 304 if the content has one of these entity tags */
                "If-None-Match"?: string;
                /** @description 304 if the content has not changed since; ignored with `If-None-Match` */
                "If-Modified-Since"?: string;
                /** @description 412 unless the content has one of these entity tags */
                "If-Match"?: string;
                /** @description 412 if the content has changed since; ignored with `If-Match` */
                "If-Unmodified-Since"?: string;
            };
            path: {
                /**
                 * @description The token of the archive
                 * @example token-of-the-archive
                 */
                token: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded. */
            200: {
                headers: {
                    /** @description `bytes` */
                    "Accept-Ranges"?: string;
                    /** @description The number of bytes, also in the answer to HEAD */
                    "Content-Length"?: string;
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The content is what the client has already. */
            304: {
                headers: {
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A precondition of the request does not hold. */
            412: {
                headers: {
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    complete_file_upload: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "parts": [],
                 *       "uploadId": "upload-of-the-file"
                 *     }
                 */
                "application/json": components["schemas"]["FileCompletion"];
            };
        };
        responses: {
            /** @description A file that is there. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CompletedFile"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    create_file_token: {
        parameters: {
            query: {
                /**
                 * @description Whom the token is for.
                 * @example alice
                 */
                user_id: string;
                /** @description 1 to 24; one by default. */
                expires_hours?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A token. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FileToken"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    read_file_link_below_files: {
        parameters: {
            query: {
                /**
                 * @description Epoch seconds.
                 * @example 1790000000
                 */
                exp: number;
                /**
                 * @description The signature over key and `exp`; in version 2 also over `disposition` and what revokes links.
                 * @example signature-of-the-link
                 */
                sig: string;
                /** @description `inline` or `attachment`, as it was signed; of version 2. */
                disposition?: string;
                /** @description Which key signed; of version 2. */
                kid?: string;
                /** @description The version of the link: 1 or 2; 1 if left out. */
                v?: number;
            };
            header?: {
                /** @description The bytes to send, as `bytes=0-1023`; several ranges are sent as `multipart/byteranges` */
                Range?: string;
                /** @description `Range` counts only if the content has this entity tag or date */
                "If-Range"?: string;
                /** @description 304 if the content has one of these entity tags */
                "If-None-Match"?: string;
                /** @description 304 if the content has not changed since; ignored with `If-None-Match` */
                "If-Modified-Since"?: string;
                /** @description 412 unless the content has one of these entity tags */
                "If-Match"?: string;
                /** @description 412 if the content has changed since; ignored with `If-Match` */
                "If-Unmodified-Since"?: string;
            };
            path: {
                /**
                 * @description The file's key in base64url
                 * @example c3RvcmFnZS9hbGljZS9tYWluL3BpY3R1cmVzL2ltYWdlLmpwZw
                 */
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded. */
            200: {
                headers: {
                    /** @description `bytes` */
                    "Accept-Ranges"?: string;
                    /** @description The number of bytes, also in the answer to HEAD */
                    "Content-Length"?: string;
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            /** @description The requested range of the content. */
            206: {
                headers: {
                    /** @description `bytes` */
                    "Accept-Ranges"?: string;
                    /** @description The number of bytes, also in the answer to HEAD */
                    "Content-Length"?: string;
                    /** @description Which bytes these are, and of how many; of several ranges each part says it */
                    "Content-Range"?: string;
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            /** @description The content is what the client has already. */
            304: {
                headers: {
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description A precondition of the request does not hold. */
            412: {
                headers: {
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The content has none of the requested bytes. */
            416: {
                headers: {
                    /** @description How many bytes there are, as `bytes *\/1000` */
                    "Content-Range"?: string;
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    head_file_link_below_files: {
        parameters: {
            query: {
                /**
                 * @description Epoch seconds.
                 * @example 1790000000
                 */
                exp: number;
                /**
                 * @description The signature over key and `exp`; in version 2 also over `disposition` and what revokes links.
                 * @example signature-of-the-link
                 */
                sig: string;
                /** @description `inline` or `attachment`, as it was signed; of version 2. */
                disposition?: string;
                /** @description Which key signed; of version 2. */
                kid?: string;
                /** @description The version of the link: 1 or 2; 1 if left out. */
                v?: number;
            };
            header?: {
                /** @description 304 if the content has one of these entity tags */
                "If-None-Match"?: string;
                /** @description 304 if the content has not changed since; ignored with `If-None-Match` */
                "If-Modified-Since"?: string;
                /** @description 412 unless the content has one of these entity tags */
                "If-Match"?: string;
                /** @description 412 if the content has changed since; ignored with `If-Match` */
                "If-Unmodified-Since"?: string;
            };
            path: {
                /**
                 * @description The file's key in base64url
                 * @example c3RvcmFnZS9hbGljZS9tYWluL3BpY3R1cmVzL2ltYWdlLmpwZw
                 */
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded. */
            200: {
                headers: {
                    /** @description `bytes` */
                    "Accept-Ranges"?: string;
                    /** @description The number of bytes, also in the answer to HEAD */
                    "Content-Length"?: string;
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The content is what the client has already. */
            304: {
                headers: {
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A precondition of the request does not hold. */
            412: {
                headers: {
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    begin_file_uploads: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "files": [
                 *         {
                 *           "mime": "image/jpeg",
                 *           "name": "image.jpg",
                 *           "size": 5
                 *         }
                 *       ],
                 *       "folder": "main/pictures",
                 *       "mode": "single",
                 *       "visibility": "private"
                 *     }
                 */
                "application/json": components["schemas"]["FileUploadsRequest"];
            };
        };
        responses: {
            /** @description An upload that was begun. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FileUploads"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    revoke_file_links: {
        parameters: {
            query?: {
                user_id?: string;
                user_email?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded; the answer has no body. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_file_metadata: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The file's key. It may contain slashes, as they are or as `%2F`.
                 * @example storage/alice/main/pictures/image.jpg
                 */
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What is known of a file. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FileMetadata"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    send_file_part_base64: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "chunkBase64": "SGVsbG8=",
                 *       "partNumber": 1,
                 *       "uploadId": "upload-of-the-file"
                 *     }
                 */
                "application/json": components["schemas"]["FilePartRequest"];
            };
        };
        responses: {
            /** @description A part that is stored. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StoredFilePart"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    send_file_part: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The upload
                 * @example upload-of-the-file
                 */
                upload_id: string;
                /**
                 * @description The part's number, from 0 or 1
                 * @example 1
                 */
                number: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /** @example Hello */
                "application/octet-stream": string;
            };
        };
        responses: {
            /** @description A part that is stored. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StoredFilePart"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    set_file_quota: {
        parameters: {
            query?: {
                /**
                 * @description The user
                 * @example alice
                 */
                user_id?: string;
                user_email?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "quota": 1073741824
                 *     }
                 */
                "application/json": components["schemas"]["FileQuotaRequest"];
            };
        };
        responses: {
            /** @description What a user's files take. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FileUsage"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    sign_file_link: {
        parameters: {
            query?: {
                /**
                 * @description The file's key.
                 * @example storage/alice/main/pictures/image.jpg
                 */
                key?: string;
                /** @description Another name of `key`. */
                file_key?: string;
                /** @description `inline` (default) or `attachment`. */
                disposition?: string;
                /** @description Seconds; an hour by default. */
                ttl?: number;
                /** @description Another name of `ttl`. */
                expires_in?: number;
                /** @description `1` for the source's form. */
                v?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A link. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FileLink"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    sign_file_link_json: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "disposition": "attachment",
                 *       "key": "storage/alice/main/pictures/image.jpg",
                 *       "ttl": 3600
                 *     }
                 */
                "application/json": components["schemas"]["FileLinkRequest"];
            };
        };
        responses: {
            /** @description A link. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FileLink"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    thaw_file: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The file's key. It may contain slashes, as they are or as `%2F`.
                 * @example storage/alice/main/pictures/image.jpg
                 */
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What is known of a file. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FileMetadata"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_file_upload: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The upload
                 * @example upload-of-the-file
                 */
                upload_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description An upload that is open or was completed. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FileUploadProgress"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    abort_file_upload: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The upload
                 * @example upload-of-the-file
                 */
                upload_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded; the answer has no body. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_file_usage: {
        parameters: {
            query?: {
                user_id?: string;
                user_email?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What a user's files take. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FileUsage"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    delete_file: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The file's key. It may contain slashes, as they are or as `%2F`.
                 * @example storage/alice/main/pictures/image.jpg
                 */
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What was done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeletedFile"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_images: {
        parameters: {
            query?: {
                /** @description From 1 to 1000; 100 by default. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
                /** @description Instead of `cursor`: the number of items to pass over, from 0. */
                offset?: number;
                /** @description `READY`, `PENDING`, or `ALL`; `READY` by default. */
                status?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of images, newest first. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ImagePage"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    create_image: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "contentType": "application/octet-stream",
                 *       "name": "ubuntu.img"
                 *     }
                 */
                "application/json": components["schemas"]["ImageRequest"];
            };
        };
        responses: {
            /** @description An upload that takes parts. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ImageUpload"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    delete_image: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The image
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000001
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded; the answer has no body. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    abort_image_upload: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The image
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000001
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded; the answer has no body. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    complete_image_upload: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The image
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000001
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "parts": [
                 *         {
                 *           "etag": "5d41402abc4b2a76b9719d911017c592",
                 *           "partNumber": 1
                 *         }
                 *       ],
                 *       "uploadId": "upload-of-the-image"
                 *     }
                 */
                "application/json": components["schemas"]["ImageCompletion"];
            };
        };
        responses: {
            /** @description An image that is complete. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CompletedImage"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_image_metadata: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The image
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000001
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What is known of an image and its bytes. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ImageMetadata"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_image_parts: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The image
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000001
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StoredImagePart"][];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    read_image_range: {
        parameters: {
            query?: never;
            header?: {
                /** @description The bytes to send, as `bytes=0-1023`; several ranges are sent as `multipart/byteranges` */
                Range?: string;
                /** @description `Range` counts only if the content has this entity tag or date */
                "If-Range"?: string;
                /** @description 304 if the content has one of these entity tags */
                "If-None-Match"?: string;
                /** @description 304 if the content has not changed since; ignored with `If-None-Match` */
                "If-Modified-Since"?: string;
                /** @description 412 unless the content has one of these entity tags */
                "If-Match"?: string;
                /** @description 412 if the content has changed since; ignored with `If-Match` */
                "If-Unmodified-Since"?: string;
            };
            path: {
                /**
                 * @description The image
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000001
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The whole image. */
            200: {
                headers: {
                    /** @description `bytes` */
                    "Accept-Ranges"?: string;
                    /** @description The number of bytes, also in the answer to HEAD */
                    "Content-Length"?: string;
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            /** @description The requested range of the image. */
            206: {
                headers: {
                    /** @description `bytes` */
                    "Accept-Ranges"?: string;
                    /** @description The number of bytes, also in the answer to HEAD */
                    "Content-Length"?: string;
                    /** @description Which bytes these are, and of how many; of several ranges each part says it */
                    "Content-Range"?: string;
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            /** @description The content is what the client has already. */
            304: {
                headers: {
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description A precondition of the request does not hold. */
            412: {
                headers: {
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The content has none of the requested bytes. */
            416: {
                headers: {
                    /** @description How many bytes there are, as `bytes *\/1000` */
                    "Content-Range"?: string;
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    head_image_range: {
        parameters: {
            query?: never;
            header?: {
                /** @description 304 if the content has one of these entity tags */
                "If-None-Match"?: string;
                /** @description 304 if the content has not changed since; ignored with `If-None-Match` */
                "If-Modified-Since"?: string;
                /** @description 412 unless the content has one of these entity tags */
                "If-Match"?: string;
                /** @description 412 if the content has changed since; ignored with `If-Match` */
                "If-Unmodified-Since"?: string;
            };
            path: {
                /**
                 * @description The image
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000001
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded. */
            200: {
                headers: {
                    /** @description `bytes` */
                    "Accept-Ranges"?: string;
                    /** @description The number of bytes, also in the answer to HEAD */
                    "Content-Length"?: string;
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The content is what the client has already. */
            304: {
                headers: {
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A precondition of the request does not hold. */
            412: {
                headers: {
                    /** @description The entity tag of the content */
                    ETag?: string;
                    /** @description When the content was stored, as an HTTP date */
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_image_stream_url: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The image
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000001
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Where to stream an image from. */
            200: {
                headers: {
                    /** @description The signed cookies, in one line each, where `auth.mode` is `cookie` */
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StreamUrl"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    thaw_image: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The image
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000001
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description An image that was archived, or was not. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ThawedImage"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_image_upload: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The image
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000001
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description An open upload: what a client needs to go on with it. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenImageUpload"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    sign_image_parts: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The image
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000001
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "partNumbers": [
                 *         1,
                 *         2
                 *       ],
                 *       "uploadId": "upload-of-the-image"
                 *     }
                 */
                "application/json": components["schemas"]["WantedImageParts"];
            };
        };
        responses: {
            /** @description A presigned PUT, or one per part asked for. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignedImageParts"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_job_queues: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The queues of all classes of jobs. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobQueues"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_dead_jobs: {
        parameters: {
            query?: {
                /** @description After this id. */
                after?: number;
                /** @description From 1 to 1000; 100 if left out. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeadJob"][];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    retry_dead_job: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The job
                 * @example 1
                 */
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request was accepted; the work goes on after the answer. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_keys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The keys of the server that answers. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ServerKeys"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_caller: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Who sends the request. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Identity"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_sessions: {
        parameters: {
            query?: {
                /** @description From 1 to 1000; 50 if left out. */
                first?: number;
                /** @description `next` of the page before. */
                after?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of sessions, newest first. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionPage"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    create_session: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "id": "019a1c40-5b1e-7c02-9a3d-5e8f00000004"
                 *     }
                 */
                "application/json": components["schemas"]["SessionRequest"];
            };
        };
        responses: {
            /** @description A session. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    delete_session: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The session
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000004
                 */
                session: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded; the answer has no body. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_media: {
        parameters: {
            query?: {
                /** @description Of this status only. */
                status?: components["schemas"]["MediaStatus"];
                /** @description Of this stage only: `intake`, `customerRequests`, `inspection`, `testDrive`, `initialReport` or `general`. */
                stage?: string;
                /** @description From 1 to 1000; 50 if left out. */
                first?: number;
                /** @description `next` of the page before. */
                after?: string;
                /** @description Instead of `after`: the number of items to pass over, from 0. */
                offset?: number;
            };
            header?: never;
            path: {
                /**
                 * @description The session
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000004
                 */
                session: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of a session's media, newest first. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MediaPage"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    confirm_media_upload: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The session
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000004
                 */
                session: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "alt": "The car from the front",
                 *       "fileKey": "sessions/019a1c40-5b1e-7c02-9a3d-5e8f00000004/general/019a1c40-5b1e-7c02-9a3d-5e8f00000005/front.jpg"
                 *     }
                 */
                "application/json": components["schemas"]["MediaConfirmation"];
            };
        };
        responses: {
            /** @description One of a session's media. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Media"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    watch_media: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The session
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000004
                 */
                session: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What one of a session's media became, and when. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["StatusChange"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    create_media_upload: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The session
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000004
                 */
                session: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "contentType": "image/jpeg",
                 *       "filename": "front.jpg",
                 *       "stage": "intake"
                 *     }
                 */
                "application/json": components["schemas"]["MediaRequest"];
            };
        };
        responses: {
            /** @description Where a file may be sent by one PUT. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MediaUpload"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_media: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The session
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000004
                 */
                session: string;
                /**
                 * @description The media item
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000005
                 */
                media: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One of a session's media. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Media"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    delete_media: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The session
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000004
                 */
                session: string;
                /**
                 * @description The media item
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000005
                 */
                media: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded; the answer has no body. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    read_media_content: {
        parameters: {
            query?: {
                /** @description Epoch seconds: when it ends. */
                exp?: string;
                /** @description What makes it good. */
                sig?: string;
                /** @description Which key signed. */
                kid?: string;
            };
            header?: never;
            path: {
                /**
                 * @description The session
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000004
                 */
                session: string;
                /**
                 * @description The media item
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000005
                 */
                media: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The content, where there is no edge */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            /** @description The content is at the edge, at the address in `Location`. */
            307: {
                headers: {
                    /** @description Where to read it */
                    Location?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    head_media_content: {
        parameters: {
            query?: {
                /** @description Epoch seconds: when it ends. */
                exp?: string;
                /** @description What makes it good. */
                sig?: string;
                /** @description Which key signed. */
                kid?: string;
            };
            header?: never;
            path: {
                /**
                 * @description The session
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000004
                 */
                session: string;
                /**
                 * @description The media item
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000005
                 */
                media: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The content is at the address in `Location`. */
            307: {
                headers: {
                    /** @description Where to read it */
                    Location?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    list_media_history: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The session
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000004
                 */
                session: string;
                /**
                 * @description The media item
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000005
                 */
                media: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request succeeded. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StatusChange"][];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    restore_media: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The session
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000004
                 */
                session: string;
                /**
                 * @description The media item
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000005
                 */
                media: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One of a session's media. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Media"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    retry_media: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The session
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000004
                 */
                session: string;
                /**
                 * @description The media item
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000005
                 */
                media: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One of a session's media. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Media"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    thaw_media: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The session
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000004
                 */
                session: string;
                /**
                 * @description The media item
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000005
                 */
                media: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One of a session's media. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Media"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    sign_media_upload: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The session
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000004
                 */
                session: string;
                /**
                 * @description The media item
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000005
                 */
                media: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Where a file may be sent by one PUT. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MediaUpload"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    restore_session: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The session
                 * @example 019a1c40-5b1e-7c02-9a3d-5e8f00000004
                 */
                session: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A session. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `NOT_FOUND`: there is no such thing, or the caller may not know of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_settings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All settings of the server that answers. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ServerSettings"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_sign_in: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How users sign in, and which other origins pages of this server reach. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignInMethods"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    create_token: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "expiresIn": 3600,
                 *       "org": "lab",
                 *       "userId": "bob"
                 *     }
                 */
                "application/json": components["schemas"]["TokenRequest"];
            };
        };
        responses: {
            /** @description A token. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IssuedToken"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works. */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_usage: {
        parameters: {
            query?: {
                /** @description Only owners of this kind: `disks`, `files`, `session`, `space` or `dataset`. */
                kind?: string;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
                /** @description From 1 to 1000; 100 if left out. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of owners, those that use the most bytes first. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UsageResponse"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_usage_days: {
        parameters: {
            query?: {
                /** @description Only what owners of this kind got: `disks`, `files`, `session`, `space` or `dataset`. */
                kind?: string;
                /** @description The first day (UTC), as 2026-11-21; 29 days before `until` if left out. */
                since?: string;
                /** @description The last day, at most 365 days later; today if left out. */
                until?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What was added on each day. Days on which nothing was added are left out. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UsageDays"];
                };
            };
            /** @description `BAD_REQUEST`: the path, the query, a header or the body is not as described. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in. */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `RATE_LIMITED`: the caller, or its address, sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description `STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Any other error; its code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
}
