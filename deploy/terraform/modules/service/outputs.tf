output "public_base_url" {
  description = "The API's address."
  value       = local.public_base_url
}

output "domain_target" {
  description = "Where the DNS record of `domain_name` leads: name and zone of the regional endpoint. Null without a name of your own."
  value = var.domain_name == null ? null : {
    name    = aws_apigatewayv2_domain_name.this[0].domain_name_configuration[0].target_domain_name
    zone_id = aws_apigatewayv2_domain_name.this[0].domain_name_configuration[0].hosted_zone_id
  }
}

output "api_id" {
  description = "The API's id."
  value       = aws_apigatewayv2_api.this.id
}

output "function_names" {
  description = "Names of the functions: `http` and `worker`."
  value       = local.function_names
}

output "queue_name" {
  description = "The name of the queue."
  value       = aws_sqs_queue.jobs.name
}

output "dead_letter_queue_name" {
  description = "The name of the queue for messages that were delivered too often."
  value       = aws_sqs_queue.dead_letters.name
}

output "private_key_parameter" {
  description = "The name of the private key's parameter."
  value       = aws_ssm_parameter.private_key.name
}

output "doctor_statements" {
  description = "The IAM statements that `tidegate doctor`, `tidegate jobs redrive` and `tidegate migrate` need for queues and database."
  value = concat([{
    Sid    = "Queues"
    Effect = "Allow"
    Action = [
      "sqs:ChangeMessageVisibility",
      "sqs:DeleteMessage",
      "sqs:GetQueueAttributes",
      "sqs:ReceiveMessage",
      "sqs:SendMessage",
    ]
    Resource = [aws_sqs_queue.jobs.arn, aws_sqs_queue.dead_letters.arn]
  }], local.key_statements, local.database_statements)
}

output "kms_statement" {
  description = "The statement that the policy of `kms_key_arn` needs, so that CloudWatch can encrypt the logs."
  value = jsonencode({
    Sid       = "CloudWatchEncryptsLogs"
    Effect    = "Allow"
    Principal = { Service = "logs.${local.region}.amazonaws.com" }
    Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"]
    Resource  = "*"
    Condition = { ArnLike = { "kms:EncryptionContext:aws:logs:arn" = [for name in concat(values(local.log_groups), ["/aws/apigateway/${var.name}"]) : "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:${name}"] } }
  })
}

output "rotation_statements" {
  description = "The IAM statements that whoever runs `tidegate keys rotate` needs for the parameter. What it has done so far lies beside the key."
  value = concat([
    {
      Sid      = "Parameters"
      Effect   = "Allow"
      Action   = ["ssm:DeleteParameter", "ssm:GetParameter", "ssm:PutParameter"]
      Resource = [aws_ssm_parameter.private_key.arn, "${aws_ssm_parameter.private_key.arn}-rotation"]
    },
    {
      Sid      = "KeysOfParameters"
      Effect   = "Allow"
      Action   = ["ssm:DescribeParameters"]
      Resource = ["*"]
    },
    ],
    [for key in local.own_key : {
      Sid      = "Key"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
      Resource = [key]
  }])
}

output "settings" {
  description = "The settings of the functions, without secrets."
  value       = local.settings
}
