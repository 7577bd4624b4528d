# One role per function, with what that function does.

locals {
  own_key = var.kms_key_arn == null ? [] : [var.kms_key_arn]

  # The id of a proxy is the last part of its ARN.
  database_statements = [for proxy in aws_db_proxy.this : {
    Sid      = "Database"
    Effect   = "Allow"
    Action   = ["rds-db:connect"]
    Resource = ["arn:${local.partition}:rds-db:${local.region}:${local.account}:dbuser:${element(split(":", proxy.arn), 6)}/${var.rds_proxy.user}"]
  }]

  key_statements = [for key in local.own_key : {
    Sid      = "Key"
    Effect   = "Allow"
    Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
    Resource = [key]
  }]

  shared_statements = concat(
    var.server_statements,
    [
      {
        Sid      = "SigningKey"
        Effect   = "Allow"
        Action   = ["ssm:GetParameter"]
        Resource = [aws_ssm_parameter.private_key.arn]
      },
      {
        Sid      = "SendJobs"
        Effect   = "Allow"
        Action   = ["sqs:GetQueueAttributes", "sqs:SendMessage"]
        Resource = [aws_sqs_queue.jobs.arn]
      },
    ],
    local.key_statements,
    local.database_statements,
    # X-Ray and network interfaces can't be limited to a resource.
    [{
      Sid      = "Traces"
      Effect   = "Allow"
      Action   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
      Resource = ["*"]
    }],
    [for vpc in var.vpc == null ? [] : [var.vpc] : {
      Sid    = "Network"
      Effect = "Allow"
      Action = [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
      ]
      Resource = ["*"]
    }],
  )

  own_statements = {
    http = []
    worker = concat(var.worker_statements, [{
      Sid      = "TakeJobs"
      Effect   = "Allow"
      Action   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"]
      Resource = [aws_sqs_queue.jobs.arn]
    }])
  }
}

resource "aws_iam_role" "function" {
  for_each = local.function_names

  name = each.value
  tags = var.tags
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "function" {
  for_each = local.function_names

  name = "tidegate"
  role = aws_iam_role.function[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(local.shared_statements, local.own_statements[each.key], [{
      Sid      = "Logs"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = ["arn:${local.partition}:logs:${local.region}:${local.account}:log-group:${local.log_groups[each.key]}:*"]
    }])
  })
}
