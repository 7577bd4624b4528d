# The API of openapi.json. API Gateway reads OpenAPI 3.0 and checks no bodies, so what it is given are
# the paths and methods; the server checks the rest.

locals {
  described = jsondecode(file(coalesce(var.openapi_file, "${path.module}/../../../../openapi.json")))

  # Paths whose last parameter may hold slashes, by its description.
  with_slashes = [
    for path, item in local.described.paths : path if anytrue(flatten([
      for operation in item : [for field in try(operation.parameters, []) : field.in == "path" && strcontains(try(field.description, ""), "may contain slashes")]
    ]))
  ]
  methods = ["delete", "get", "head", "options", "patch", "post", "put"]

  # Without the catch-all, preflights of every path need a route too.
  preflight = var.other_routes ? {} : { options = { security = [] } }

  paths = {
    for path, item in local.described.paths :
    contains(local.with_slashes, path) ? replace(path, "/\\}$/", "+}") : path => {
      for method, operation in merge(local.preflight, item) : method => merge(
        {
          responses                         = { default = { description = "What the server answers" } }
          "x-amazon-apigateway-integration" = { "$ref" = "#/components/x-amazon-apigateway-integrations/server" }
        },
        strcontains(path, "{") ? {
          parameters = [for name in regexall("\\{(\\w+)\\}", path) : { name = name[0], in = "path", required = true, schema = { type = "string" } }]
        } : {},
        # Routes that openapi.json lets anybody call, or call without a token, have no authorizer.
        var.authorizer != null && !contains([for one in try(operation.security, local.described.security) : length(keys(one))], 0) && length(try(operation.security, local.described.security)) > 0 ? {
          security = [{ authorizer = [] }]
        } : {},
      ) if contains(local.methods, method)
    }
  }

  # What openapi.json does not have. GraphQL has a route of its own, so that it has the authorizer.
  guarded = merge(
    {
      responses                         = { default = { description = "What the server answers" } }
      "x-amazon-apigateway-integration" = { "$ref" = "#/components/x-amazon-apigateway-integrations/server" }
    },
    var.authorizer == null ? {} : { security = [{ authorizer = [] }] },
  )
  graphql = var.other_routes ? { "/graphql" = { get = local.guarded, post = local.guarded } } : {}
  other_paths = var.other_routes ? {
    "/$default" = {
      "x-amazon-apigateway-any-method" = {
        isDefaultRoute                    = true
        responses                         = { default = { description = "What the server answers" } }
        "x-amazon-apigateway-integration" = { "$ref" = "#/components/x-amazon-apigateway-integrations/server" }
      }
    }
  } : {}

  authorizers = try(var.authorizer.type, null) == "request" ? {
    authorizer = {
      type = "apiKey"
      name = "Authorization"
      in   = "header"
      "x-amazon-apigateway-authorizer" = {
        type                           = "request"
        identitySource                 = "$request.header.Authorization"
        authorizerUri                  = "arn:${local.partition}:apigateway:${local.region}:lambda:path/2015-03-31/functions/${var.authorizer.lambda_arn}/invocations"
        authorizerPayloadFormatVersion = "2.0"
        authorizerResultTtlInSeconds   = var.authorizer.cache_seconds
        enableSimpleResponses          = var.authorizer.simple_responses
      }
    }
  } : null
  jwt_authorizers = try(var.authorizer.type, null) == "jwt" ? {
    authorizer = {
      type = "oauth2"
      "x-amazon-apigateway-authorizer" = {
        type             = "jwt"
        identitySource   = "$request.header.Authorization"
        jwtConfiguration = { issuer = var.authorizer.issuer, audience = var.authorizer.audience }
      }
    }
  } : null
}

resource "aws_apigatewayv2_api" "this" {
  name             = var.name
  description      = local.described.info.title
  protocol_type    = "HTTP"
  fail_on_warnings = true
  # With a name of your own, the other one would be a way around it.
  disable_execute_api_endpoint = var.domain_name != null
  tags                         = var.tags

  body = jsonencode({
    openapi = "3.0.1"
    info    = { title = var.name, version = local.described.info.version }
    paths   = merge(local.graphql, local.paths, local.other_paths)
    components = merge(
      {
        "x-amazon-apigateway-integrations" = {
          server = {
            type                 = "AWS_PROXY"
            httpMethod           = "POST"
            uri                  = "arn:${local.partition}:apigateway:${local.region}:lambda:path/2015-03-31/functions/${local.function_arns.http}/invocations"
            payloadFormatVersion = "2.0"
            timeoutInMillis      = 30000
          }
        }
      },
      local.authorizers == null ? {} : { securitySchemes = local.authorizers },
      local.jwt_authorizers == null ? {} : { securitySchemes = local.jwt_authorizers },
    )
  })
}

resource "aws_cloudwatch_log_group" "api" {
  name              = "/aws/apigateway/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_apigatewayv2_stage" "this" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = "$default"
  auto_deploy = true
  tags        = var.tags

  # Without the query string, which holds signatures.
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.api.arn
    format = jsonencode({
      id         = "$context.requestId"
      time       = "$context.requestTimeEpoch"
      address    = "$context.identity.sourceIp"
      method     = "$context.httpMethod"
      route      = "$context.routeKey"
      status     = "$context.status"
      bytes      = "$context.responseLength"
      latency    = "$context.responseLatency"
      error      = "$context.error.messageString"
      function   = "$context.integrationErrorMessage"
      authorizer = "$context.authorizer.error"
    })
  }

  default_route_settings {
    throttling_rate_limit  = var.throttling.rate
    throttling_burst_limit = var.throttling.burst
    # With it, each route has metrics of its own, and their price.
    detailed_metrics_enabled = false
  }
}

resource "aws_lambda_permission" "api" {
  statement_id  = "api"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.function["http"].function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/*/*"
}

resource "aws_lambda_permission" "authorizer" {
  count = try(var.authorizer.type, "") == "request" ? 1 : 0

  statement_id  = "${var.name}-api"
  action        = "lambda:InvokeFunction"
  function_name = var.authorizer.lambda_arn
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/authorizers/*"
}

resource "aws_apigatewayv2_domain_name" "this" {
  count = var.domain_name == null ? 0 : 1

  domain_name = var.domain_name
  tags        = var.tags

  domain_name_configuration {
    certificate_arn = var.certificate_arn
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }
}

resource "aws_apigatewayv2_api_mapping" "this" {
  count = var.domain_name == null ? 0 : 1

  api_id      = aws_apigatewayv2_api.this.id
  domain_name = aws_apigatewayv2_domain_name.this[0].id
  stage       = aws_apigatewayv2_stage.this.id
}
