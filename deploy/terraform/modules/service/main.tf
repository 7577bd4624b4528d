# The server as two Lambda functions: one answers requests behind API Gateway, one does jobs.

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}
data "aws_region" "this" {}

locals {
  account   = data.aws_caller_identity.this.account_id
  partition = data.aws_partition.this.partition
  region    = data.aws_region.this.region

  functions = {
    http = {
      does     = "answers requests"
      memory   = var.http.memory
      disk     = 512
      timeout  = 29 # API Gateway waits for 30 seconds.
      reserved = var.http.concurrency
      layers   = []
    }
    worker = {
      does     = "does jobs"
      memory   = var.worker.memory
      disk     = var.worker.disk
      timeout  = var.worker.timeout
      reserved = var.worker.reserved
      layers   = var.layers
    }
  }
  function_names = { for one in keys(local.functions) : one => "${var.name}-${one}" }
  # Composed, not read: the functions are told the API's address, and so can't be created before it.
  function_arns = { for one, name in local.function_names : one => "arn:${local.partition}:lambda:${local.region}:${local.account}:function:${name}" }
  log_groups    = { for one, name in local.function_names : one => "/aws/lambda/${name}" }

  public_base_url = var.domain_name == null ? aws_apigatewayv2_api.this.api_endpoint : "https://${var.domain_name}"

  # What follows from this module. `settings` may say otherwise.
  own_settings = merge(
    {
      ENV                              = "prod"
      PUBLIC_BASE_URL                  = local.public_base_url
      TIDEGATE_DATA                    = "/tmp/tidegate"
      LOG_FORMAT                       = "json"
      METRICS                          = "off"
      WORKER                           = "false"
      DATABASE_MIGRATE                 = "off"
      DATABASE_MAX_CONNECTIONS         = "2"
      CLOUDFRONT_PRIVATE_KEY_SSM_PARAM = aws_ssm_parameter.private_key.name
      RESTORE_PACKAGE_QUEUE_URL        = aws_sqs_queue.jobs.url
    },
    var.authorizer == null ? {} : { AUTH_MODE = "authorizer" },
    var.rds_proxy == null ? {} : {
      RDS_PROXY_ENDPOINT = aws_db_proxy.this[0].endpoint
      DATABASE_URL       = "postgres://${var.rds_proxy.user}@${aws_db_proxy.this[0].endpoint}/${var.rds_proxy.database}?sslmode=verify-full"
      DATABASE_POOLING   = "transaction"
      DATABASE_IAM_AUTH  = "true"
    },
  )
  settings = merge(local.own_settings, var.settings)
  # Lambda sets the region itself and refuses it among the variables.
  variables = { for one in keys(local.functions) : one => merge(
    { for name, value in local.settings : name => value if name != "AWS_REGION" },
    var.secrets,
    { LAMBDA_ROLE = one },
  ) }
}

resource "aws_cloudwatch_log_group" "function" {
  for_each = local.log_groups

  name              = each.value
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_lambda_function" "function" {
  for_each = local.functions

  function_name = local.function_names[each.key]
  description   = "Tidegate: ${each.value.does}"
  role          = aws_iam_role.function[each.key].arn

  filename         = var.package
  source_code_hash = filebase64sha256(var.package)
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  layers           = each.value.layers

  memory_size                    = each.value.memory
  timeout                        = each.value.timeout
  reserved_concurrent_executions = each.value.reserved
  kms_key_arn                    = var.kms_key_arn
  tags                           = var.tags

  ephemeral_storage {
    size = each.value.disk
  }

  environment {
    variables = local.variables[each.key]
  }

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.function[each.key].name
  }

  tracing_config {
    mode = "Active"
  }

  dynamic "vpc_config" {
    for_each = var.vpc == null ? [] : [var.vpc]

    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  depends_on = [aws_iam_role_policy.function]
}

# A tick that failed is not repeated: the next one does the same.
resource "aws_lambda_function_event_invoke_config" "worker" {
  function_name                = aws_lambda_function.function["worker"].function_name
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = 60
}

resource "aws_cloudwatch_event_rule" "upkeep" {
  name                = "${var.name}-upkeep"
  description         = "Has the worker look for what no message told it"
  schedule_expression = var.upkeep_schedule
  tags                = var.tags
}

resource "aws_cloudwatch_event_target" "upkeep" {
  rule = aws_cloudwatch_event_rule.upkeep.name
  arn  = aws_lambda_function.function["worker"].arn
}

resource "aws_lambda_permission" "upkeep" {
  statement_id  = "upkeep"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.function["worker"].function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.upkeep.arn
}

# The private key is put here by `tidegate keys rotate`, or by hand. Terraform creates the parameter.
# Its value is write-only: later ones are neither overwritten nor kept in the state, which a refresh
# would do to `value`.
resource "aws_ssm_parameter" "private_key" {
  name        = "/${var.environment}/${var.name}/cloudfront/private-key"
  description = "The key that signs grants, as base64 of a PEM (CLOUDFRONT_PRIVATE_KEY_SSM_PARAM)"
  type        = "SecureString"
  key_id      = var.kms_key_arn
  tags        = var.tags

  value_wo         = coalesce(var.private_key, "no key yet: put base64 of a PEM here")
  value_wo_version = 1
}

resource "aws_ssm_parameter" "public_key" {
  name        = "/${var.environment}/${var.name}/cloudfront/public-key"
  description = "The public key to it"
  type        = "String"
  value       = coalesce(var.public_key, "no key yet")
  tags        = var.tags

  lifecycle {
    ignore_changes = [value]
  }
}
