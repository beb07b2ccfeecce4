import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('translation', '0005_trials_one_at_a_time'),
    ]

    operations = [
        migrations.RenameModel('Cycle', 'Job'),
        migrations.RenameField('job', 'settled', 'translated_versions'),
        migrations.RenameField('job', 'begun', 'recent_calls'),
        migrations.RenameField('job', 'wanted_at', 'demanded_at'),
        migrations.AlterModelOptions(
            name='job',
            options={'ordering': ('room_id', 'lang'), 'verbose_name': 'job'},
        ),
        migrations.RemoveConstraint(
            model_name='job',
            name='live_cycle',
        ),
        migrations.RemoveConstraint(
            model_name='job',
            name='completion_cycle',
        ),
        migrations.RenameIndex(
            model_name='job',
            new_name='translation_due_at_283602_idx',
            old_name='translation_due_at_414230_idx',
        ),
        migrations.AlterField(
            model_name='job',
            name='demanded_at',
            field=models.DateTimeField(default=django.utils.timezone.now, help_text='Since when it has had readers.'),
        ),
        migrations.AlterField(
            model_name='job',
            name='part',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='jobs', to='transcripts.part'),
        ),
        migrations.AlterField(
            model_name='job',
            name='quick',
            field=models.BooleanField(default=True, help_text='Its last call was fast, or none was made yet.'),
        ),
        migrations.AlterField(
            model_name='job',
            name='recent_calls',
            field=models.JSONField(blank=True, default=list, help_text='[unix time, sentences, seconds] each.'),
        ),
        migrations.AlterField(
            model_name='job',
            name='refused',
            field=models.JSONField(blank=True, default=dict, help_text='Texts that no engine translates: tries.'),
        ),
        migrations.AlterField(
            model_name='job',
            name='room',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='jobs', to='rooms.room'),
        ),
        migrations.AlterField(
            model_name='job',
            name='seen_version',
            field=models.PositiveBigIntegerField(default=0, help_text="Sum of the spoken tracks' versions when it was last read."),
        ),
        migrations.AlterField(
            model_name='job',
            name='waiting_s',
            field=models.FloatField(default=0.0, help_text='Age of the oldest waiting sentence, while an engine is down.'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.UniqueConstraint(condition=models.Q(('part', None)), fields=('room', 'lang'), name='live_job'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.UniqueConstraint(condition=models.Q(('part__isnull', False)), fields=('part', 'lang'), name='completion_job'),
        ),
    ]
