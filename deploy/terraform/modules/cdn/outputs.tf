output "arn" {
  description = "The distribution's ARN, for `distribution_arns` of the module `bucket`."
  value       = aws_cloudfront_distribution.this.arn
}

output "id" {
  description = "The distribution's id."
  value       = aws_cloudfront_distribution.this.id
}

output "domain_name" {
  description = "The host name that readers use: the first alias, or the one that CloudFront gave."
  value       = length(var.aliases) > 0 ? var.aliases[0] : aws_cloudfront_distribution.this.domain_name
}

output "cloudfront_domain_name" {
  description = "The host name that CloudFront gave, to which the DNS records of aliases lead."
  value       = aws_cloudfront_distribution.this.domain_name
}

output "key_group_id" {
  description = "The key group's id, for `tidegate keys rotate`."
  value       = local.key_group.id
}

output "key_ids" {
  description = "Ids of the public keys by name."
  value       = { for name, key in aws_cloudfront_public_key.this : name => key.id }
}

output "server_statements" {
  description = "The IAM statements that every server needs: before it signs with a new key, it looks whether the key group has it. Key groups have no ARN."
  value = [{
    Sid      = "KeyGroup"
    Effect   = "Allow"
    Action   = ["cloudfront:GetKeyGroup"]
    Resource = ["*"]
  }]
}

output "worker_statements" {
  description = "The IAM statements that whoever does jobs needs besides, to have deleted objects forgotten."
  value = [{
    Sid      = "Invalidate"
    Effect   = "Allow"
    Action   = ["cloudfront:CreateInvalidation"]
    Resource = [aws_cloudfront_distribution.this.arn]
  }]
}

output "doctor_statements" {
  description = "The IAM statements that `tidegate doctor` needs to read how the distribution is configured. Key groups and public keys have no ARN, and what an Origin Access Control holds is no secret."
  value = [{
    Sid      = "Keys"
    Effect   = "Allow"
    Action   = ["cloudfront:GetKeyGroup", "cloudfront:GetOriginAccessControl", "cloudfront:GetPublicKey"]
    Resource = ["*"]
    }, {
    Sid      = "Distribution"
    Effect   = "Allow"
    Action   = ["cloudfront:GetDistribution", "cloudfront:GetDistributionConfig"]
    Resource = [aws_cloudfront_distribution.this.arn]
  }]
}

output "rotation_statements" {
  description = "The IAM statements that whoever runs `tidegate keys rotate` needs. Key groups and public keys have no ARN."
  value = [{
    Sid    = "Keys"
    Effect = "Allow"
    Action = [
      "cloudfront:CreatePublicKey",
      "cloudfront:DeletePublicKey",
      "cloudfront:GetKeyGroup",
      "cloudfront:GetPublicKey",
      "cloudfront:ListPublicKeys",
      "cloudfront:UpdateKeyGroup",
    ]
    Resource = ["*"]
    }, {
    Sid      = "Distribution"
    Effect   = "Allow"
    Action   = ["cloudfront:GetDistribution", "cloudfront:GetDistributionConfig"]
    Resource = [aws_cloudfront_distribution.this.arn]
  }]
}

output "settings" {
  description = "Settings of the server that follow from this distribution."
  value = merge(
    {
      CLOUDFRONT_DOMAIN          = length(var.aliases) > 0 ? var.aliases[0] : aws_cloudfront_distribution.this.domain_name
      CLOUDFRONT_DISTRIBUTION_ID = aws_cloudfront_distribution.this.id
      CLOUDFRONT_KEY_GROUP_ID    = local.key_group.id
      CLOUDFRONT_KEY_PAIR_ID     = aws_cloudfront_public_key.this[local.signing_key].id
      # Cookies can't be set for cloudfront.net.
      CLOUDFRONT_AUTH_MODE         = length(var.aliases) > 0 ? "cookie" : "url"
      CROSS_ORIGIN_RESOURCE_POLICY = local.policy
      EDGE_PORT                    = "off"
    },
    length(var.allowed_origins) > 0 ? { CORS_ALLOW_ORIGIN = join(", ", var.allowed_origins) } : {},
  )
}
