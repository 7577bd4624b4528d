mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
  mock_resource "aws_apigatewayv2_api" {
    defaults = {
      api_endpoint  = "https://abc.execute-api.eu-central-1.amazonaws.com"
      execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:abc"
    }
  }
  mock_resource "aws_db_proxy" {
    defaults = {
      arn      = "arn:aws:rds:eu-central-1:111122223333:db-proxy:prx-0123456789abcdef0"
      endpoint = "tidegate.proxy-abc.eu-central-1.rds.amazonaws.com"
    }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:111122223333:function:mock" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/mock" }
  }
  mock_resource "aws_ssm_parameter" {
    defaults = { arn = "arn:aws:ssm:eu-central-1:111122223333:parameter/mock" }
  }
}

override_resource {
  target = aws_sqs_queue.jobs
  values = {
    arn = "arn:aws:sqs:eu-central-1:111122223333:tidegate-jobs"
    url = "https://sqs.eu-central-1.amazonaws.com/111122223333/tidegate-jobs"
  }
}

override_resource {
  target = aws_sqs_queue.dead_letters
  values = {
    arn = "arn:aws:sqs:eu-central-1:111122223333:tidegate-jobs-dead"
    url = "https://sqs.eu-central-1.amazonaws.com/111122223333/tidegate-jobs-dead"
  }
}

variables {
  name    = "tidegate"
  package = "tests/package.zip"
  # A part of the real one, which takes a second to read.
  openapi_file = "tests/openapi.json"
  settings = {
    S3_BUCKET  = "photos"
    AWS_REGION = "eu-central-1"
    AUTH_MODE  = "jwt"
  }
  secrets = { UPLOAD_SIGNING_KEY = "0123456789abcdef0123456789abcdef" }
  server_statements = [
    { Sid = "Objects", Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject"], Resource = ["arn:aws:s3:::photos/*"] },
  ]
  worker_statements = [
    { Sid = "Invalidate", Effect = "Allow", Action = ["cloudfront:CreateInvalidation"], Resource = ["arn:aws:cloudfront::111122223333:distribution/E1EXAMPLE"] },
  ]
}

run "functions_run_the_package" {
  assert {
    condition = alltrue([for one in [aws_lambda_function.function["http"], aws_lambda_function.function["worker"]] :
      one.runtime == "provided.al2023" && one.handler == "bootstrap" && one.architectures == tolist(["arm64"])
      && one.tracing_config[0].mode == "Active" && one.logging_config[0].log_format == "JSON"
      && one.source_code_hash == filebase64sha256("tests/package.zip")
    ])
    error_message = "a function does not run the package, or is not traced"
  }
  assert {
    condition     = aws_lambda_function.function["http"].timeout < 30
    error_message = "the function runs on after API Gateway has answered"
  }
}

run "functions_are_told_what_follows" {
  assert {
    condition = alltrue([for name, value in {
      PUBLIC_BASE_URL                  = "https://abc.execute-api.eu-central-1.amazonaws.com"
      RESTORE_PACKAGE_QUEUE_URL        = "https://sqs.eu-central-1.amazonaws.com/111122223333/tidegate-jobs"
      CLOUDFRONT_PRIVATE_KEY_SSM_PARAM = "/prod/tidegate/cloudfront/private-key"
      ENV                              = "prod"
      DATABASE_MIGRATE                 = "off"
      AUTH_MODE                        = "jwt"
      S3_BUCKET                        = "photos"
    } : output.settings[name] == value && nonsensitive(aws_lambda_function.function["http"].environment[0].variables[name]) == value && nonsensitive(aws_lambda_function.function["worker"].environment[0].variables[name]) == value])
    error_message = "a setting is missing or another"
  }
  assert {
    condition     = nonsensitive(aws_lambda_function.function["http"].environment[0].variables.LAMBDA_ROLE) == "http" && nonsensitive(aws_lambda_function.function["worker"].environment[0].variables.LAMBDA_ROLE) == "worker"
    error_message = "a function answers the events of the other"
  }
  assert {
    condition     = !contains(keys(aws_lambda_function.function["http"].environment[0].variables), "AWS_REGION")
    error_message = "Lambda refuses AWS_REGION"
  }
  assert {
    condition     = nonsensitive(aws_lambda_function.function["http"].environment[0].variables.UPLOAD_SIGNING_KEY) == "0123456789abcdef0123456789abcdef" && !contains(keys(output.settings), "UPLOAD_SIGNING_KEY")
    error_message = "a secret does not reach the functions, or is printed"
  }
}

run "own_settings_win" {
  variables {
    settings = { S3_BUCKET = "photos", LOG_LEVEL = "debug", ENV = "dev" }
  }
  assert {
    condition     = output.settings.ENV == "dev" && output.settings.LOG_LEVEL == "debug"
    error_message = "a given setting is not used"
  }
}

run "messages_that_fail_go_to_the_dead_letter_queue" {
  assert {
    condition     = jsondecode(aws_sqs_queue.jobs.redrive_policy) == { deadLetterTargetArn = "arn:aws:sqs:eu-central-1:111122223333:tidegate-jobs-dead", maxReceiveCount = 5 }
    error_message = "messages are lost, or come for ever"
  }
  assert {
    condition     = aws_sqs_queue.dead_letters.message_retention_seconds > aws_sqs_queue.jobs.message_retention_seconds
    error_message = "dead letters do not live longer"
  }
  assert {
    condition     = jsondecode(aws_sqs_queue_redrive_allow_policy.dead_letters.redrive_allow_policy).sourceQueueArns == ["arn:aws:sqs:eu-central-1:111122223333:tidegate-jobs"]
    error_message = "another queue may send its dead letters here"
  }
}

run "a_batch_fails_in_part" {
  assert {
    condition     = aws_lambda_event_source_mapping.jobs.function_response_types == toset(["ReportBatchItemFailures"])
    error_message = "one message that fails repeats its whole batch"
  }
  assert {
    condition     = aws_sqs_queue.jobs.visibility_timeout_seconds >= 6 * aws_lambda_function.function["worker"].timeout
    error_message = "a message comes again while its job runs"
  }
}

run "queues_refuse_plain_http" {
  assert {
    condition = alltrue([for one in aws_sqs_queue_policy.this : alltrue([for statement in jsondecode(one.policy).Statement :
      statement.Effect == "Deny" && statement.Condition.Bool["aws:SecureTransport"] == "false"
    ])])
    error_message = "plain HTTP is not denied, or something is allowed"
  }
  assert {
    condition     = aws_sqs_queue.jobs.sqs_managed_sse_enabled && aws_sqs_queue.dead_letters.sqs_managed_sse_enabled
    error_message = "messages are not encrypted"
  }
}

run "upkeep_runs_every_minute" {
  assert {
    condition     = aws_cloudwatch_event_rule.upkeep.schedule_expression == "rate(1 minute)" && aws_cloudwatch_event_target.upkeep.arn == aws_lambda_function.function["worker"].arn
    error_message = "nothing looks for lost messages"
  }
  assert {
    condition     = aws_lambda_permission.upkeep.principal == "events.amazonaws.com"
    error_message = "the schedule may not invoke the worker"
  }
}

run "each_function_may_do_what_it_does" {
  assert {
    condition = jsonencode({ for name, one in aws_iam_role_policy.function : name => sort(flatten([for statement in jsondecode(one.policy).Statement : statement.Action])) }) == jsonencode({
      http = [
        "logs:CreateLogStream", "logs:PutLogEvents", "s3:GetObject", "s3:PutObject", "sqs:GetQueueAttributes",
        "sqs:SendMessage", "ssm:GetParameter", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
      ]
      worker = [
        "cloudfront:CreateInvalidation", "logs:CreateLogStream", "logs:PutLogEvents", "s3:GetObject", "s3:PutObject",
        "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage",
        "sqs:SendMessage", "ssm:GetParameter", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
      ]
    })
    error_message = "a function has other rights"
  }
  assert {
    condition = alltrue(flatten([for one in aws_iam_role_policy.function : [for statement in jsondecode(one.policy).Statement :
      contains(["Traces"], statement.Sid) || !contains(statement.Resource, "*")
    ]]))
    error_message = "a right is not limited to a resource"
  }
  assert {
    condition     = alltrue([for name, one in aws_iam_role_policy.function : strcontains(one.policy, ":log-group:/aws/lambda/tidegate-${name}:*")])
    error_message = "a function writes the log of another"
  }
}

run "the_key_is_put_there_by_others" {
  assert {
    condition     = aws_ssm_parameter.private_key.type == "SecureString" && aws_ssm_parameter.private_key.name == "/prod/tidegate/cloudfront/private-key"
    error_message = "the private key is not a secret, or elsewhere"
  }
}

run "the_key_stays_as_others_left_it" {
  variables {
    private_key = "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1Gawo="
  }
  assert {
    condition     = aws_ssm_parameter.private_key.value_wo_version == 1
    error_message = "an apply overwrites the key"
  }
}

run "logs_end" {
  assert {
    condition     = alltrue([for one in concat(values(aws_cloudwatch_log_group.function), [aws_cloudwatch_log_group.api]) : one.retention_in_days == 365])
    error_message = "logs are kept for ever"
  }
  assert {
    condition     = !strcontains(aws_apigatewayv2_stage.this.access_log_settings[0].format, "queryString") && !strcontains(aws_apigatewayv2_stage.this.access_log_settings[0].format, "$context.path")
    error_message = "signatures are logged"
  }
}

run "the_api_is_that_of_openapi_json" {
  variables {
    openapi_file = null
  }
  assert {
    condition = alltrue([for route in ["/v1/images", "/packages/restore", "/api/spaces/{spaceId}/images", "/storage/{user_id}/{path+}", "/v1/files/{key+}", "/$default"] :
      contains(keys(jsondecode(aws_apigatewayv2_api.this.body).paths), route)
    ])
    error_message = "a route is missing"
  }
  assert {
    condition     = jsondecode(aws_apigatewayv2_api.this.body).components["x-amazon-apigateway-integrations"].server.uri == "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:111122223333:function:tidegate-http/invocations"
    error_message = "routes lead to another function"
  }
  assert {
    condition     = aws_lambda_permission.api.source_arn == "arn:aws:execute-api:eu-central-1:111122223333:abc/*/*"
    error_message = "API Gateway may not invoke the function, or others may"
  }
}

run "without_other_routes_preflights_have_their_own" {
  variables {
    other_routes = false
  }
  assert {
    condition     = !contains(keys(jsondecode(aws_apigatewayv2_api.this.body).paths), "/$default")
    error_message = "there is a catch-all"
  }
  assert {
    condition     = alltrue([for item in values(jsondecode(aws_apigatewayv2_api.this.body).paths) : contains(keys(item), "options")])
    error_message = "a preflight has no route"
  }
}

run "an_authorizer_guards_what_needs_a_caller" {
  variables {
    settings   = { S3_BUCKET = "photos" }
    authorizer = { type = "request", lambda_arn = "arn:aws:lambda:eu-central-1:111122223333:function:authorizer" }
  }
  assert {
    condition = alltrue([for route, guarded in {
      "/packages/restore"  = { post = true }
      "/v1/images"         = { get = true, post = true }
      "/healthz"           = { get = false }
      "/packages/proxy/s3" = { get = false, head = false, options = false }
      "/get/{key}"         = { get = false }
      "/v1/me"             = { get = false }
      "/graphql"           = { get = true, post = true }
      } : alltrue([for method, is in guarded :
        is == (try(jsondecode(aws_apigatewayv2_api.this.body).paths[route][method].security, []) == [{ authorizer = [] }])
    ])])
    error_message = "a public route has an authorizer, or another one has none"
  }
  assert {
    condition     = output.settings.AUTH_MODE == "authorizer"
    error_message = "the server does not take the caller from the authorizer"
  }
  assert {
    condition     = jsondecode(aws_apigatewayv2_api.this.body).components.securitySchemes.authorizer["x-amazon-apigateway-authorizer"].type == "request"
    error_message = "there is no authorizer"
  }
}

run "what_an_authorizer_says_is_for_one_request" {
  variables {
    authorizer = { type = "request", lambda_arn = "arn:aws:lambda:eu-central-1:111122223333:function:authorizer" }
  }
  assert {
    condition     = jsondecode(aws_apigatewayv2_api.this.body).components.securitySchemes.authorizer["x-amazon-apigateway-authorizer"].authorizerResultTtlInSeconds == 0
    error_message = "the rights to one dataset are taken for those to another"
  }
}

run "api_gateway_checks_tokens_itself" {
  variables {
    authorizer = { type = "jwt", issuer = "https://id.example.com", audience = ["tidegate"] }
  }
  assert {
    condition = jsondecode(aws_apigatewayv2_api.this.body).components.securitySchemes.authorizer["x-amazon-apigateway-authorizer"].jwtConfiguration == {
      issuer = "https://id.example.com", audience = ["tidegate"]
    }
    error_message = "the issuer is another"
  }
}

run "a_name_of_its_own" {
  variables {
    domain_name     = "api.example.com"
    certificate_arn = "arn:aws:acm:eu-central-1:111122223333:certificate/11111111-2222-3333-4444-555555555555"
  }
  assert {
    condition     = output.public_base_url == "https://api.example.com" && aws_apigatewayv2_api.this.disable_execute_api_endpoint
    error_message = "the API has another address too"
  }
  assert {
    condition     = aws_apigatewayv2_domain_name.this[0].domain_name_configuration[0].security_policy == "TLS_1_2"
    error_message = "old versions of TLS are accepted"
  }
}

run "a_proxy_pools_connections" {
  variables {
    vpc = { subnet_ids = ["subnet-1", "subnet-2"], security_group_ids = ["sg-1"] }
    rds_proxy = {
      instance_identifier = "main"
      secret_arn          = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:db"
      subnet_ids          = ["subnet-1", "subnet-2"]
      security_group_ids  = ["sg-2"]
      user                = "tidegate"
      database            = "tidegate"
    }
  }
  assert {
    condition     = output.settings.RDS_PROXY_ENDPOINT == "tidegate.proxy-abc.eu-central-1.rds.amazonaws.com" && output.settings.DATABASE_POOLING == "transaction" && output.settings.DATABASE_IAM_AUTH == "true"
    error_message = "the server is told another host or mode"
  }
  assert {
    condition     = aws_db_proxy.this[0].require_tls && one(aws_db_proxy.this[0].auth).iam_auth == "REQUIRED" && aws_db_proxy.this[0].engine_family == "POSTGRESQL"
    error_message = "the proxy accepts passwords or plain connections"
  }
  assert {
    condition = alltrue([for one in aws_iam_role_policy.function : contains(flatten([for statement in jsondecode(one.policy).Statement : statement.Resource if statement.Sid == "Database"]),
    "arn:aws:rds-db:eu-central-1:111122223333:dbuser:prx-0123456789abcdef0/tidegate")])
    error_message = "a function may not sign in, or as anybody"
  }
  assert {
    condition     = contains(flatten(output.doctor_statements[*].Action), "rds-db:connect")
    error_message = "nobody may run tidegate migrate"
  }
  assert {
    condition     = !strcontains(output.settings.DATABASE_URL, ":tidegate@") && strcontains(output.settings.DATABASE_URL, "sslmode=verify-full")
    error_message = "the address of the database holds a password, or the proxy is not verified"
  }
}

run "encrypts_with_a_key_of_kms" {
  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555"
  }
  assert {
    condition = alltrue([for one in concat(
      [aws_sqs_queue.jobs.kms_master_key_id, aws_sqs_queue.dead_letters.kms_master_key_id, aws_ssm_parameter.private_key.key_id, aws_lambda_function.function["http"].kms_key_arn, aws_lambda_function.function["worker"].kms_key_arn],
    values(aws_cloudwatch_log_group.function)[*].kms_key_id) : one == "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555"])
    error_message = "something is not encrypted with the key"
  }
  assert {
    condition     = alltrue([for one in aws_iam_role_policy.function : strcontains(one.policy, "kms:Decrypt")])
    error_message = "a function may not decrypt"
  }
  assert {
    condition     = length(setsubtract(["kms:Decrypt", "kms:GenerateDataKey"], flatten(output.doctor_statements[*].Action))) == 0
    error_message = "tidegate jobs redrive can't read messages"
  }
  assert {
    condition = jsondecode(output.kms_statement).Condition.ArnLike["kms:EncryptionContext:aws:logs:arn"] == [
      for name in concat(values(aws_cloudwatch_log_group.function)[*].name, [aws_cloudwatch_log_group.api.name]) : "arn:aws:logs:eu-central-1:111122223333:log-group:${name}"
    ]
    error_message = "CloudWatch may not use the key for a log, or for others"
  }
}

run "refuses_no_bucket" {
  command = plan
  variables {
    settings = { AUTH_MODE = "jwt" }
  }
  expect_failures = [var.settings]
}

run "refuses_credentials_among_settings" {
  command = plan
  variables {
    settings = { S3_BUCKET = "photos", AWS_ACCESS_KEY_ID = "AKIAEXAMPLE" }
  }
  expect_failures = [var.settings]
}

run "refuses_secrets_among_settings" {
  command = plan
  variables {
    settings = { S3_BUCKET = "photos", UPLOAD_SIGNING_KEY = "x" }
  }
  expect_failures = [var.settings]
}

run "refuses_a_package_of_another_architecture" {
  command = plan
  variables {
    package = "tests/package-x86_64.zip"
  }
  expect_failures = [var.architecture]
}

run "refuses_a_package_that_is_no_zip" {
  command = plan
  variables {
    package = "tests/service.tftest.hcl"
  }
  expect_failures = [var.package]
}

run "refuses_wildcard_actions" {
  command = plan
  variables {
    server_statements = [{ Sid = "All", Effect = "Allow", Action = ["s3:*"], Resource = ["arn:aws:s3:::photos/*"] }]
  }
  expect_failures = [var.server_statements]
}

run "refuses_a_key_that_is_not_base64_of_a_pem" {
  command = plan
  variables {
    private_key = "aGVsbG8="
  }
  expect_failures = [var.private_key]
}

run "refuses_a_proxy_outside_of_a_vpc" {
  command = plan
  variables {
    rds_proxy = {
      instance_identifier = "main", secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:db"
      subnet_ids          = ["subnet-1", "subnet-2"], security_group_ids = ["sg-2"], user = "tidegate", database = "tidegate"
    }
  }
  expect_failures = [var.rds_proxy]
}

run "refuses_a_proxy_of_two_databases" {
  command = plan
  variables {
    vpc = { subnet_ids = ["subnet-1", "subnet-2"], security_group_ids = ["sg-1"] }
    rds_proxy = {
      instance_identifier = "main", cluster_identifier = "main", secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:db"
      subnet_ids          = ["subnet-1", "subnet-2"], security_group_ids = ["sg-2"], user = "tidegate", database = "tidegate"
    }
  }
  expect_failures = [var.rds_proxy]
}

run "refuses_a_layer_without_version" {
  command = plan
  variables {
    layers = ["arn:aws:lambda:eu-central-1:111122223333:layer:ffmpeg"]
  }
  expect_failures = [var.layers]
}

run "refuses_to_reserve_too_little" {
  command = plan
  variables {
    worker = { concurrency = 10, reserved = 10 }
  }
  expect_failures = [var.worker]
}

run "refuses_an_authorizer_without_function" {
  command = plan
  variables {
    authorizer = { type = "request" }
  }
  expect_failures = [var.authorizer]
}

run "refuses_to_keep_an_authorizers_word_for_longer_than_api_gateway" {
  command = plan
  variables {
    authorizer = { type = "request", lambda_arn = "arn:aws:lambda:eu-central-1:111122223333:function:authorizer", cache_seconds = 7200 }
  }
  expect_failures = [var.authorizer]
}

run "refuses_a_name_without_certificate" {
  command = plan
  variables {
    domain_name = "api.example.com"
  }
  expect_failures = [var.certificate_arn]
}

run "refuses_a_retention_that_cloudwatch_lacks" {
  command = plan
  variables {
    log_retention_days = 100
  }
  expect_failures = [var.log_retention_days]
}
