# An RDS Proxy in front of a database that exists. Clients sign in with tokens of IAM, the proxy with
# the secret.

resource "aws_iam_role" "proxy" {
  count = var.rds_proxy == null ? 0 : 1

  name = "${var.name}-proxy"
  tags = var.tags
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "rds.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "proxy" {
  count = var.rds_proxy == null ? 0 : 1

  name = "secret"
  role = aws_iam_role.proxy[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([{
      Effect   = "Allow"
      Action   = ["secretsmanager:GetSecretValue"]
      Resource = [var.rds_proxy.secret_arn]
      }],
      [for key in local.own_key : {
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = [key]
        Condition = { StringEquals = { "kms:ViaService" = "secretsmanager.${local.region}.amazonaws.com" } }
    }])
  })
}

resource "aws_db_proxy" "this" {
  count = var.rds_proxy == null ? 0 : 1

  name                   = var.name
  engine_family          = "POSTGRESQL"
  role_arn               = aws_iam_role.proxy[0].arn
  vpc_subnet_ids         = var.rds_proxy.subnet_ids
  vpc_security_group_ids = var.rds_proxy.security_group_ids
  require_tls            = true
  idle_client_timeout    = 1800
  tags                   = var.tags

  auth {
    auth_scheme = "SECRETS"
    iam_auth    = "REQUIRED"
    secret_arn  = var.rds_proxy.secret_arn
  }

  # Without it, the proxy can't read the secret.
  depends_on = [aws_iam_role_policy.proxy]
}

resource "aws_db_proxy_default_target_group" "this" {
  count = var.rds_proxy == null ? 0 : 1

  db_proxy_name = aws_db_proxy.this[0].name

  connection_pool_config {
    # The rest is for `tidegate migrate`, backups and people.
    max_connections_percent      = 90
    max_idle_connections_percent = 50
    connection_borrow_timeout    = 10
  }
}

resource "aws_db_proxy_target" "this" {
  count = var.rds_proxy == null ? 0 : 1

  db_proxy_name          = aws_db_proxy.this[0].name
  target_group_name      = aws_db_proxy_default_target_group.this[0].name
  db_instance_identifier = var.rds_proxy.instance_identifier
  db_cluster_identifier  = var.rds_proxy.cluster_identifier
}
