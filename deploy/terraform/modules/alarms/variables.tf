variable "name" {
  description = "Names the alarms."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$", var.name))
    error_message = "The name must have 1 to 64 letters, digits, '-' and '_'."
  }
}

variable "topic_arns" {
  description = "SNS topics that are told when an alarm begins and when it ends."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.topic_arns : can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:", arn))])
    error_message = "Each must be the ARN of an SNS topic."
  }
}

variable "cdn_topic_arns" {
  description = "SNS topics in us-east-1, where CloudFront's metrics are and so its alarm. Null: `topic_arns`."
  type        = list(string)
  default     = null
}

variable "namespace" {
  description = "The CloudWatch namespace of the server's metrics."
  type        = string
  default     = "Tidegate"
}

variable "dimensions" {
  description = "Dimensions that every metric of the server has besides its labels, such as those that a collector adds."
  type        = map(string)
  default     = {}
}

variable "thresholds" {
  description = "When alarms begin. Shares are percent."
  type = object({
    infected_percent          = optional(number, 5)
    processing_failed_percent = optional(number, 5)
    uploads_failed_percent    = optional(number, 10)
    quota_refusals_per_hour   = optional(number, 10)
    oldest_message_seconds    = optional(number, 3600)
    server_errors_percent     = optional(number, 1)
  })
  default = {}

  validation {
    condition = alltrue([
      for percent in [var.thresholds.infected_percent, var.thresholds.processing_failed_percent, var.thresholds.uploads_failed_percent, var.thresholds.server_errors_percent] : percent > 0 && percent < 100
    ])
    error_message = "A share must be more than 0 and less than 100 percent."
  }
}

variable "functions" {
  description = "Names of the Lambda functions, by a word for each: output `function_names` of the module `service`. Empty without Lambda."
  type        = map(string)
  default     = {}
}

variable "api" {
  description = "The API in API Gateway, by its id. Null without one."
  type        = object({ id = string })
  default     = null
}

variable "queue_names" {
  description = "Names of the queue and of its dead-letter queue. Null without SQS."
  type        = object({ jobs = string, dead_letters = string })
  default     = null
}

variable "distribution" {
  description = "The CloudFront distribution, by its id. Null: no alarm for it."
  type        = object({ id = string })
  default     = null
}

variable "tags" {
  description = "Tags of every alarm."
  type        = map(string)
  default     = {}
}
