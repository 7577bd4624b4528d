# The rules of deploy/prometheus/tidegate.rules.yml as alarms of CloudWatch, and what AWS itself counts.
# The server's metrics keep their names (docs/reference/metrics.md); their labels are dimensions.

locals {
  # Shares of one outcome among several, of a counter with one label.
  shares = {
    malware-found-often = {
      about     = "More than one in twenty files that were sent holds malware. Somebody sends it on purpose, or a client is compromised. The audit log says which (media.rejected, file.rejected), and with upload.begun of the same object, who."
      metric    = "tidegate_scans_total"
      label     = "verdict"
      counted   = ["infected"]
      among     = ["clean", "infected"]
      threshold = var.thresholds.infected_percent
      period    = 3600
    }
    processing-fails = {
      about     = "Too much of what is sent can't be published, by the server's fault. The status of what failed says why; tidegate jobs retry --all has all of it tried again."
      metric    = "tidegate_media_total"
      label     = "outcome"
      counted   = ["failed"]
      among     = ["completed", "failed", "rejected"]
      threshold = var.thresholds.processing_failed_percent
      period    = 3600
    }
    uploads-fail = {
      about     = "Too many uploads are begun and never completed. Clients can't reach the bucket, or their uploads end early."
      metric    = "tidegate_uploads_total"
      label     = "outcome"
      counted   = ["aborted", "expired"]
      among     = ["begun"]
      threshold = var.thresholds.uploads_failed_percent
      period    = 21600
    }
  }

  # Sums of one outcome.
  sums = {
    scanner-away = {
      about      = "The malware scanner does not answer. What is sent waits, and fails after about an hour. Nothing is published unscanned."
      metric     = "tidegate_scans_total"
      dimensions = { verdict = "unavailable" }
      statistic  = "Sum"
      threshold  = 0
      period     = 600
      periods    = 2
    }
    cdn-not-told = {
      about      = "CloudFront is not told of deletes. What was deleted may be in its caches until they end. The log says why: permissions, CLOUDFRONT_DISTRIBUTION_ID, or too many invalidations at once."
      metric     = "tidegate_invalidations_total"
      dimensions = { outcome = "failed" }
      statistic  = "Sum"
      threshold  = 0
      period     = 1800
    }
    quotas-nearly-used-up = {
      about      = "Somebody has used more than 80 % of their quota. GET /v1/files/usage says how much; PUT /v1/files/quota gives one user more, PER_USER_QUOTA_GB all of them."
      metric     = "tidegate_quotas_nearly_full"
      dimensions = {}
      statistic  = "Maximum"
      threshold  = 0
      period     = 600
    }
    jobs-dead = {
      about      = "Work was given up. tidegate jobs list says which, and why."
      metric     = "tidegate_jobs"
      dimensions = { state = "dead" }
      statistic  = "Maximum"
      threshold  = 0
      period     = 1800
    }
  }

  # Sums over several values of a label, which are queries of Metrics Insights.
  queries = {
    quotas-used-up = {
      about     = "Uploads are refused because quotas are used up. See PER_USER_QUOTA_GB, and PUT /v1/files/quota for one user."
      metric    = "tidegate_quota_refused_total"
      where     = ""
      threshold = var.thresholds.quota_refusals_per_hour
      period    = 3600
    }
    signing-key-not-read = {
      about     = "The key that signs grants can't be read, or is not in the key group. The key in use stays. The log says why: permissions, the parameter's value, or CLOUDFRONT_KEY_GROUP_ID."
      metric    = "tidegate_signing_key_reads_total"
      where     = " WHERE outcome != 'ok'"
      threshold = 5
      period    = 900
    }
  }

  # The largest value of a queue's metric in five minutes.
  queues = var.queue_names == null ? {} : {
    dead-letters = {
      about     = "A message was delivered too often. tidegate jobs redrive sends what is in the dead-letter queue again."
      queue     = var.queue_names.dead_letters
      metric    = "ApproximateNumberOfMessagesVisible"
      threshold = 0
    }
    queue-late = {
      about     = "Messages wait too long: the worker does not run, or has too little concurrency."
      queue     = var.queue_names.jobs
      metric    = "ApproximateAgeOfOldestMessage"
      threshold = var.thresholds.oldest_message_seconds
    }
  }

  # Sums of what Lambda counts, in two of three periods of five minutes.
  functions = merge([for word, name in var.functions : {
    "${word}-errors" = {
      about    = "The function ${name} fails: it ends early, runs out of memory or of time. Its log says why."
      function = name
      metric   = "Errors"
    }
    "${word}-throttled" = {
      about    = "Lambda refuses to run ${name}: its concurrency, or that of the account, is used up."
      function = name
      metric   = "Throttles"
    }
  }]...)

  # All alarms in one form. One that looks at a single metric has `metric`, the others have `queries`.
  alarms = merge(
    { for name, one in local.shares : name => {
      about     = one.about
      threshold = one.threshold
      # A metric that nobody has counted yet is missing, not 0.
      queries = merge(
        { share = { expression = "IF((${local.sum_of[name].among}) > 0, 100 * (${local.sum_of[name].counted}) / (${local.sum_of[name].among}), 0)" } },
        { for value in toset(concat(one.counted, one.among)) : value => {
          namespace  = var.namespace
          name       = one.metric
          dimensions = merge(var.dimensions, { (one.label) = value })
          period     = one.period
        } },
      )
    } },
    { for name, one in local.sums : name => {
      about     = one.about
      threshold = one.threshold
      periods   = try(one.periods, 1)
      metric = {
        namespace  = var.namespace
        name       = one.metric
        dimensions = merge(var.dimensions, one.dimensions)
        statistic  = one.statistic
        period     = one.period
      }
    } },
    { for name, one in local.queries : name => {
      about     = one.about
      threshold = one.threshold
      queries   = { counted = { period = one.period, expression = "SELECT SUM(${one.metric}) FROM \"${var.namespace}\"${one.where}" } }
    } },
    { for name, one in local.queues : name => {
      about     = one.about
      threshold = one.threshold
      metric    = { namespace = "AWS/SQS", name = one.metric, dimensions = { QueueName = one.queue }, statistic = "Maximum", period = 300 }
    } },
    { for name, one in local.functions : name => {
      about      = one.about
      threshold  = 0
      periods    = 3
      datapoints = 2
      metric     = { namespace = "AWS/Lambda", name = one.metric, dimensions = { FunctionName = one.function }, statistic = "Sum", period = 300 }
    } },
    { for api in var.api[*] : "api-errors" => {
      about      = "Too many requests end with a status of 500 or more."
      threshold  = var.thresholds.server_errors_percent
      periods    = 3
      datapoints = 2
      queries = {
        share    = { expression = "100 * errors / requests" }
        errors   = { namespace = "AWS/ApiGateway", name = "5xx", dimensions = { ApiId = api.id }, period = 300 }
        requests = { namespace = "AWS/ApiGateway", name = "Count", dimensions = { ApiId = api.id }, period = 300 }
      }
    } },
    { for distribution in var.distribution[*] : "cdn-errors" => {
      about      = "CloudFront answers with 5xx: it does not reach the bucket, or S3 fails."
      threshold  = var.thresholds.server_errors_percent
      periods    = 3
      datapoints = 2
      region     = "us-east-1"
      topics     = coalesce(var.cdn_topic_arns, var.topic_arns)
      metric     = { namespace = "AWS/CloudFront", name = "5xxErrorRate", dimensions = { DistributionId = distribution.id, Region = "Global" }, statistic = "Average", period = 300 }
    } },
  )

  sum_of = { for name, one in local.shares : name => {
    counted = join(" + ", [for value in one.counted : "FILL(${value}, 0)"])
    among   = join(" + ", [for value in one.among : "FILL(${value}, 0)"])
  } }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms
  region   = try(each.value.region, null)

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.about
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  evaluation_periods  = try(each.value.periods, 1)
  datapoints_to_alarm = try(each.value.datapoints, null)
  treat_missing_data  = "notBreaching"
  alarm_actions       = try(each.value.topics, var.topic_arns)
  ok_actions          = try(each.value.topics, var.topic_arns)
  tags                = var.tags

  namespace   = try(each.value.metric.namespace, null)
  metric_name = try(each.value.metric.name, null)
  dimensions  = try(each.value.metric.dimensions, null)
  statistic   = try(each.value.metric.statistic, null)
  period      = try(each.value.metric.period, null)

  dynamic "metric_query" {
    for_each = try(each.value.queries, {})

    content {
      id = metric_query.key
      # Only the expression is compared with the threshold.
      return_data = can(metric_query.value.expression)
      expression  = try(metric_query.value.expression, null)
      label       = can(metric_query.value.expression) ? each.key : null
      period      = can(metric_query.value.expression) ? try(metric_query.value.period, null) : null

      dynamic "metric" {
        for_each = can(metric_query.value.expression) ? [] : [metric_query.value]

        content {
          namespace   = metric.value.namespace
          metric_name = metric.value.name
          dimensions  = metric.value.dimensions
          stat        = "Sum"
          period      = metric.value.period
        }
      }
    }
  }
}
