package rig

const sqlCreateShop = `CREATE SCHEMA shop`

const sqlJobs = `
SELECT concat_ws(' ', 'kind=' || kind, 'queue=' || queue, 'priority=' || priority, 'max_attempts=' || max_attempts, 'tags=' || tags::text,
                 'args=' || args::text, 'unique=' || (unique_key IS NOT NULL)::text, 'unique_states=' || coalesce(unique_states::text, ''))
  FROM shop.river_job
 ORDER BY id`

const sqlNotifications = `
SELECT concat_ws(' ', 'person=' || person, 'type=' || notification_type, 'category=' || category, 'title=' || title, 'message=' || message,
                 'url=' || action_url, 'label=' || action_label)
  FROM carillon.notifications
 ORDER BY id`
