variable "name" {
  description = "Names the resources in the account."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,39}$", var.name))
    error_message = "The name must have 1 to 40 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "environment" {
  description = "The environment, as parameters name it: `/{environment}/{name}/cloudfront/private-key`."
  type        = string
  default     = "prod"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.environment))
    error_message = "It must have 1 to 20 lower-case letters, digits and hyphens, and begin with a letter, such as prod."
  }
}

variable "package" {
  description = "The zip file that `make package` made: target/package/tidegate-lambda-arm64.zip or tidegate-lambda-x86_64.zip."
  type        = string

  validation {
    condition     = endswith(var.package, ".zip")
    error_message = "It must be the path of a zip file, such as target/package/tidegate-lambda-arm64.zip."
  }
}

variable "architecture" {
  description = "What the package was built for: `arm64` or `x86_64`."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "It must be arm64 or x86_64."
  }

  validation {
    condition     = !can(regex("(arm64|x86_64)\\.zip$", var.package)) || endswith(var.package, "${var.architecture}.zip")
    error_message = "The name of the package says that it was built for another architecture."
  }
}

variable "settings" {
  description = "Settings of the server by name: those of the modules `bucket` and `cdn`, merged with your own."
  type        = map(string)

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^[A-Z][A-Z0-9_]*$", name))])
    error_message = "Each name must be that of a setting, such as AUTH_JWKS_URL."
  }

  validation {
    condition     = contains(keys(var.settings), "S3_BUCKET")
    error_message = "S3_BUCKET is missing: a function has no disk of its own to store on. Merge the output settings of the module bucket."
  }

  validation {
    condition     = length(setintersection(keys(var.settings), ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "CLOUDFRONT_PRIVATE_KEY_PEM"])) == 0
    error_message = "Credentials come from the function's role, and the private key from its parameter. Remove AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and CLOUDFRONT_PRIVATE_KEY_PEM."
  }

  validation {
    condition     = length(setintersection(keys(var.settings), ["AUTH_OWN_KEY_PEM", "AUTH_SERVICE_TOKEN", "UPLOAD_SIGNING_KEY", "UPLOAD_SIGNING_KEY_PREVIOUS"])) == 0
    error_message = "Put secrets into the variable secrets, whose values are not printed: AUTH_OWN_KEY_PEM, AUTH_SERVICE_TOKEN, UPLOAD_SIGNING_KEY, UPLOAD_SIGNING_KEY_PREVIOUS."
  }
}

variable "secrets" {
  description = "Settings whose values must not be printed, such as `UPLOAD_SIGNING_KEY`. They are stored in the state and in the configuration of the functions."
  type        = map(string)
  default     = {}
  sensitive   = true

  validation {
    condition     = alltrue([for name in keys(var.secrets) : can(regex("^[A-Z][A-Z0-9_]*$", name))])
    error_message = "Each name must be that of a setting, such as UPLOAD_SIGNING_KEY."
  }
}

variable "server_statements" {
  description = "IAM statements that both functions need: outputs `server_statements` of the modules `bucket` and `cdn`."
  type = list(object({
    Sid      = string
    Effect   = string
    Action   = list(string)
    Resource = list(string)
  }))

  validation {
    condition     = alltrue([for one in var.server_statements : alltrue([for action in one.Action : !strcontains(action, "*")])])
    error_message = "No action may be a wildcard."
  }
}

variable "worker_statements" {
  description = "IAM statements that only the worker needs: output `worker_statements` of the module `cdn`."
  type = list(object({
    Sid      = string
    Effect   = string
    Action   = list(string)
    Resource = list(string)
  }))
  default = []

  validation {
    condition     = alltrue([for one in var.worker_statements : alltrue([for action in one.Action : !strcontains(action, "*")])])
    error_message = "No action may be a wildcard."
  }
}

variable "private_key" {
  description = "The first value of the private key's parameter, as base64 of a PEM. Later values are put there by `tidegate keys rotate` or by hand and stay. Null: a note that there is none yet."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.private_key == null || can(regex("^-----BEGIN ([A-Z]+ )?PRIVATE KEY-----", base64decode(coalesce(var.private_key, ""))))
    error_message = "It must be base64 of a private key as PEM, on one line: base64 -w0 < KEY.pem."
  }
}

variable "public_key" {
  description = "The public key to it, as PEM. It is kept beside it for people and for scripts."
  type        = string
  default     = null
}

variable "kms_key_arn" {
  description = "The KMS key of parameters, queues, logs and the functions' settings. Null: keys that AWS manages. CloudWatch needs a statement in the key's policy: see the output `kms_statement`."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "It must be the ARN of a key, such as arn:aws:kms:eu-central-1:111122223333:key/…."
  }
}

variable "vpc" {
  description = "The subnets and security groups of the functions. Null: outside of any VPC. RDS Proxy needs one."
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  default = null
}

variable "rds_proxy" {
  description = "An RDS Proxy to create in front of a database that exists. Null: none; DATABASE_URL then comes with `secrets`."
  type = object({
    instance_identifier = optional(string)
    cluster_identifier  = optional(string)
    secret_arn          = string
    subnet_ids          = list(string)
    security_group_ids  = list(string)
    user                = string
    database            = string
  })
  default = null

  validation {
    condition     = var.rds_proxy == null || (try(var.rds_proxy.instance_identifier, null) == null) != (try(var.rds_proxy.cluster_identifier, null) == null)
    error_message = "Set one of instance_identifier and cluster_identifier."
  }

  validation {
    condition     = var.rds_proxy == null || var.vpc != null
    error_message = "An RDS Proxy is reached from within its VPC only: set vpc too."
  }

  validation {
    condition     = var.rds_proxy == null || length(try(var.rds_proxy.subnet_ids, [])) >= 2
    error_message = "An RDS Proxy needs subnets in at least two zones."
  }

  validation {
    condition     = var.rds_proxy == null || can(regex("^[A-Za-z_][A-Za-z0-9_]*$", try(var.rds_proxy.user, ""))) && can(regex("^[A-Za-z_][A-Za-z0-9_-]*$", try(var.rds_proxy.database, "")))
    error_message = "User and database must be names of letters, digits and '_'."
  }
}

variable "domain_name" {
  description = "Your own host name of the API (`PUBLIC_BASE_URL`). Null: the one that API Gateway gives."
  type        = string
  default     = null

  validation {
    condition     = var.domain_name == null || can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", coalesce(var.domain_name, "?")))
    error_message = "It must be a host name in lower case, such as api.example.com."
  }
}

variable "certificate_arn" {
  description = "The certificate of `domain_name`, in the region of the API."
  type        = string
  default     = null

  validation {
    condition     = (var.certificate_arn == null) == (var.domain_name == null)
    error_message = "Set both domain_name and certificate_arn, or neither."
  }
}

variable "authorizer" {
  description = "Who checks tokens before the server does. Null: the server alone. `request`: your Lambda authorizer, whose context becomes the caller (`AUTH_MODE=authorizer`). `jwt`: API Gateway itself. Callers must then send `Authorization`: cookies and service tokens alone do not pass. `cache_seconds`: how long API Gateway keeps what your authorizer said of a token, for all requests with it; 0 if that depends on the request, such as on `dataset_id`."
  type = object({
    type             = string
    lambda_arn       = optional(string)
    simple_responses = optional(bool, true)
    cache_seconds    = optional(number, 0)
    issuer           = optional(string)
    audience         = optional(list(string), [])
  })
  default = null

  validation {
    condition     = var.authorizer == null || contains(["request", "jwt"], try(var.authorizer.type, ""))
    error_message = "The type must be request or jwt."
  }

  validation {
    condition     = try(var.authorizer.type, "") != "request" || can(regex("^arn:[a-z-]+:lambda:", try(var.authorizer.lambda_arn, "")))
    error_message = "An authorizer of type request needs lambda_arn."
  }

  validation {
    condition     = try(var.authorizer.cache_seconds, 0) >= 0 && try(var.authorizer.cache_seconds, 0) <= 3600
    error_message = "cache_seconds must be from 0 to 3600."
  }

  validation {
    condition     = try(var.authorizer.type, "") != "jwt" || can(regex("^https://", try(var.authorizer.issuer, ""))) && length(try(var.authorizer.audience, [])) > 0
    error_message = "An authorizer of type jwt needs issuer (https://…) and audience."
  }
}

variable "openapi_file" {
  description = "The description of the API. Null: openapi.json of this repository."
  type        = string
  default     = null
}

variable "other_routes" {
  description = "Whether paths that openapi.json does not have reach the server too: the dashboard, GraphQL and the documentation."
  type        = bool
  default     = true
}

variable "throttling" {
  description = "Requests per second, and how many at once, that API Gateway lets through."
  type        = object({ rate = number, burst = number })
  default     = { rate = 1000, burst = 2000 }

  validation {
    condition     = var.throttling.rate >= 1 && var.throttling.burst >= 1
    error_message = "Rate and burst must be at least 1."
  }
}

variable "http" {
  description = "Size of the function that answers requests: MiB of memory, and how many may run at once (-1: no limit of its own)."
  type        = object({ memory = optional(number, 512), concurrency = optional(number, -1) })
  default     = {}
}

variable "worker" {
  description = "Size of the function that does jobs: MiB of memory and of disk, seconds, messages at a time (the jobs of a batch run together, and each picture needs its memory), how many may run at once for the queue, and how many are reserved for it in the account (-1: none; a new account has too few to reserve)."
  type = object({
    memory      = optional(number, 2048)
    disk        = optional(number, 4096)
    timeout     = optional(number, 900)
    batch       = optional(number, 1)
    concurrency = optional(number, 10)
    reserved    = optional(number, -1)
  })
  default = {}

  validation {
    condition     = var.worker.timeout >= 30 && var.worker.timeout <= 900
    error_message = "The timeout must be from 30 to 900 seconds."
  }

  validation {
    condition     = var.worker.batch >= 1 && var.worker.batch <= 10
    error_message = "The batch must be from 1 to 10 messages: with more, one long job holds up many."
  }

  validation {
    condition     = var.worker.concurrency >= 2 && var.worker.concurrency <= 1000
    error_message = "The concurrency must be from 2 to 1000."
  }

  validation {
    condition     = var.worker.reserved == -1 || var.worker.reserved > var.worker.concurrency
    error_message = "What is reserved must be more than the concurrency: the schedule needs one, too."
  }
}

variable "layers" {
  description = "Layers of the worker, as ARNs with a version: one with ffmpeg for videos. Set `FFMPEG_PATH` to its folder, such as /opt/bin."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.layers : can(regex("^arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:layer:[A-Za-z0-9_-]+:[0-9]+$", arn))])
    error_message = "Each must be the ARN of a layer with its version, such as arn:aws:lambda:eu-central-1:111122223333:layer:ffmpeg:1."
  }
}

variable "upkeep_schedule" {
  description = "How often the worker looks for what no message told it: expired uploads, lost messages, invalidations."
  type        = string
  default     = "rate(1 minute)"

  validation {
    condition     = can(regex("^(rate|cron)\\(.+\\)$", var.upkeep_schedule))
    error_message = "It must be a rate or a cron expression of EventBridge, such as rate(1 minute)."
  }
}

variable "max_receive_count" {
  description = "How often a message is delivered before it goes to the dead-letter queue."
  type        = number
  default     = 5

  validation {
    condition     = var.max_receive_count >= 2 && var.max_receive_count <= 1000
    error_message = "It must be from 2 to 1000."
  }
}

variable "log_retention_days" {
  description = "How long CloudWatch keeps logs."
  type        = number
  default     = 365

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "It must be one of the numbers of days that CloudWatch has, such as 30, 90, 365 or 3653."
  }
}

variable "tags" {
  description = "Tags of every resource that has some."
  type        = map(string)
  default     = {}
}
